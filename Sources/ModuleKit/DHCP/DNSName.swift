// SPDX-License-Identifier: Apache-2.0

/// The name of a domain or host, as in DNS.
public struct DNSName: Sendable, Hashable, CustomStringConvertible {
    /// From the most special to the most general one.
    public let labels: [String]

    /// `home.example`, with or without a dot at the end. Nil for what can be no name of a host (RFC 1123, section 2.1;
    /// underscores are let through).
    public init?(_ text: String) {
        let text = text.hasSuffix(".") ? String(text.dropLast()) : text
        let labels = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard text.utf8.count <= 253, labels.allSatisfy(Self.isLabel) else { return nil }
        self.labels = labels
    }

    private static func isLabel(_ label: String) -> Bool {
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
            && label.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// As in DNS messages (RFC 1035, section 3.1), without compression.
    public var bytes: [UInt8] {
        labels.flatMap { [UInt8($0.utf8.count)] + $0.utf8 } + [0]
    }

    /// Names one behind the other, as in DNS messages, with pointers to earlier ones (RFC 1035, section 4.1.4). What is
    /// behind a malformed one is left out.
    public static func list(_ bytes: [UInt8]) -> [DNSName] {
        var names: [DNSName] = []
        var offset = 0
        while offset < bytes.count, let (name, next) = read(bytes, at: offset) {
            names.append(name)
            offset = next
        }
        return names
    }

    /// The name at an offset, and where what follows it begins.
    private static func read(_ bytes: [UInt8], at start: Int) -> (DNSName, Int)? {
        var labels: [String] = []
        var offset = start
        var next: Int?
        while offset < bytes.count {
            let length = Int(bytes[offset])
            if length == 0 {
                return DNSName(labels.joined(separator: ".")).map { ($0, next ?? offset + 1) }
            }
            if length >= 0xc0 {
                guard offset + 1 < bytes.count else { return nil }
                let target = (length & 0x3f) << 8 | Int(bytes[offset + 1])
                // Only backwards, so it ends.
                guard target < offset else { return nil }
                next = next ?? offset + 2
                offset = target
                // What a name of 253 bytes can have at most.
            } else if length <= 63, offset + length < bytes.count, labels.count < 127 {
                labels.append(String(decoding: bytes[offset + 1...offset + length], as: UTF8.self))
                offset += 1 + length
            } else {
                return nil
            }
        }
        return nil
    }

    public var description: String { labels.joined(separator: ".") }
}
