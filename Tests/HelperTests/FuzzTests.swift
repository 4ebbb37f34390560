// SPDX-License-Identifier: Apache-2.0

import HelperReference
import Testing

/// A part of the fuzzer's million packets.
struct FuzzRun: Sendable, CustomTestStringConvertible {
    let hook: Hook
    let seed: UInt64
    let packets: UInt64

    var testDescription: String { "\(hook.rawValue), seed \(seed)" }
}

private let runs = [
    FuzzRun(hook: .tc, seed: 1, packets: 400_000), FuzzRun(hook: .xdp, seed: 2, packets: 400_000),
    FuzzRun(hook: .tcFar, seed: 3, packets: 100_000), FuzzRun(hook: .xdpFar, seed: 4, packets: 100_000),
    FuzzRun(hook: .xdpPieces, seed: 5, packets: 100_000),
].filter { Hook.available.contains($0.hook) }

@Suite struct FuzzTests {
    @Test(arguments: runs)
    func `no packet finds a difference between helpers and reference`(run: FuzzRun) throws {
        let object = try LoadedObject(file: "fuzz.c", options: run.hook.options)
        var program = fuzz_program()
        program.program = try #require(object.programs["fuzz"]).descriptor.number
        program.arguments = object.arguments.descriptor.number
        program.results = object.results.descriptor.number
        program.is_xdp = run.hook.isXDP ? 1 : 0
        program.first_piece = UInt32(run.hook.firstPiece)
        var report = fuzz_report()
        fuzz(&program, run.seed, 0, run.packets, &report)
        #expect(difference(report) == nil)
        #expect(report.packets == run.packets)
        // The packets are of all kinds: neither only valid ones nor only broken ones.
        #expect(report.parsed > run.packets / 4 && report.parsed < run.packets * 3 / 4)
        #expect(report.quoting > run.packets / 50)
        #expect(report.done > run.packets && report.refused > run.packets)
    }

    /// What differs, in which packet.
    private func difference(_ report: fuzz_report) -> String? {
        let text = withUnsafeBytes(of: report.difference) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        guard !text.isEmpty else { return nil }
        let packet = withUnsafeBytes(of: report.packet) { bytes in
            bytes.prefix(Int(report.size)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
        }
        return "packet \(report.number): \(text)\n\(packet)"
    }
}
