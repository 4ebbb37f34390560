// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The kernel verifier's log of a program that it refused (kernel/bpf/verifier.c, kernel/bpf/log.c).
struct VerifierLog {
    /// Bytes that are kept, from the end.
    static let maximumSize = 16 << 20

    /// Bytes for the kernel to write to. One that keeps the beginning gets what the longest logs take: the reason is at
    /// their end.
    static let bufferSize = Feature.verifierLogEnd.probe() == .supported ? maximumSize : 16 * maximumSize

    /// The end of what the kernel wrote, in whole lines.
    static func text(_ buffer: UnsafePointer<CChar>) -> String {
        let surplus = strlen(buffer) - maximumSize
        guard surplus > 0 else { return String(cString: buffer) }
        let start = buffer + surplus
        return String(cString: strchr(start, 10).map { UnsafePointer($0 + 1) } ?? start)
    }

    private let lines: [Substring]

    init(_ text: String) {
        lines = text.split(whereSeparator: \.isNewline).filter { !$0.allSatisfy(\.isWhitespace) }
    }

    /// The verifier's reason in one line. Hints may follow it in the log.
    var summary: String {
        // From the end, for there can be millions of lines.
        guard let last = lines.lastIndex(where: { Kind($0) == .message }) else {
            return lines.last?.trimmingBlanks() ?? "the verifier gave no reason"
        }
        // The reason comes first, what the verifier adds to it comes behind.
        let before = lines[...last].lastIndex { ![.message, .noise].contains(Kind($0)) }
        let first = before.map { $0 + 1 } ?? 0
        let reason = (first...last).first { Kind(lines[$0]) == .message } ?? last
        return String(lines[reason].trimmingBlanks().prefix(500))
    }

    /// The instruction that the reason names, or else the last one that the verifier looked at.
    var instruction: Int? {
        let words = summary.split(separator: " ")
        for (word, next) in zip(words, words.dropFirst()) where word == "insn" {
            // "processed 1000001 insn" and "sequence of 8193 jumps" count instructions instead.
            if let number = Int(next.prefix { $0.isASCII && $0.isNumber }) { return number }
        }
        for line in lines.reversed() {
            if case .instruction(let number) = Kind(line) { return number }
        }
        return nil
    }

    /// The last source line in the log: `; code @ file.c:12`, before Linux 6.10 without the place.
    var annotation: (source: String, file: String, line: Int)? {
        for line in lines.reversed() where line.hasPrefix("; ") {
            guard let mark = line.lastIndex(of: "@"), mark > line.startIndex,
                let colon = line[mark...].lastIndex(of: ":"),
                let number = Int(line[line.index(after: colon)...].trimmingBlanks())
            else { continue }
            let file = line[line.index(after: mark)..<colon].trimmingBlanks()
            return (line.dropFirst(2)[..<mark].trimmingBlanks(), file, number)
        }
        return nil
    }
}

extension VerifierLog {
    private enum Kind: Equatable {
        /// `12: (71) r1 = *(u8 *)(r2 +0)`
        case instruction(Int)
        /// A source line or the state of registers: what the verifier met on its way.
        case state
        /// What it tells beside, which is never the reason.
        case noise
        case message

        init(_ line: Substring) {
            if let number = Kind.leadingNumber(of: line) {
                let rest = line[line.index(after: line.firstIndex(of: ":") ?? line.startIndex)...].drop { $0 == " " }
                let isInstruction = rest.hasPrefix("(") || rest.hasPrefix("<invalid")
                self = isInstruction ? .instruction(number) : .state
            } else if line.hasPrefix(";") || Kind.isRegisters(line) || Kind.states.contains(where: line.hasPrefix) {
                self = .state
            } else if Kind.noises.contains(where: line.hasPrefix) {
                self = .noise
            } else {
                self = .message
            }
        }

        private static func leadingNumber(of line: Substring) -> Int? {
            guard let colon = line.firstIndex(of: ":"), line[..<colon].allSatisfy({ $0.isASCII && $0.isNumber }) else {
                return nil
            }
            return Int(line[..<colon])
        }

        /// `R1_w=ctx() R10=fp0`, ` frame1: R0=1`
        private static func isRegisters(_ line: Substring) -> Bool {
            var rest = line.drop { $0 == " " }
            if rest.hasPrefix("frame"), let colon = rest.firstIndex(of: ":") {
                rest = rest[rest.index(after: colon)...].drop { $0 == " " }
                if rest.isEmpty { return true }
            }
            guard rest.hasPrefix("R"), let end = rest.firstIndex(of: "=") else { return false }
            let name = rest[..<end].dropFirst()
            let digits = name.prefix { $0.isASCII && $0.isNumber }
            return !digits.isEmpty && name.dropFirst(digits.count).allSatisfy { "_rwD".contains($0) }
        }

        private static let states = [
            "from ", "mark_precise:", "last_idx ", "regs=", "parent ", "propagating ", "caller:", "callee:",
            "returning from callee", "to caller at ", "cur state:", "old state:", "func#", "Validating ", "safe",
        ]
        private static let noises = [
            "processed ", "verification time ", "stack depth ", "max_states", "Func#", "reg type unsupported for arg#",
            "arg#0 reference type", "-- BEGIN", "-- END",
        ]
    }
}
