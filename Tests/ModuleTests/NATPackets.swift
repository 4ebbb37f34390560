// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// Frames of IPv4 with right checksums, written and read as text: `udp 10.0.0.2:5000 > 198.51.100.7:53`. An echo's
/// identifier stands where the port of who asks would.
enum NATPacket {
    static let insideMAC: [UInt8] = [2, 0, 0, 0, 0, 1]
    static let outsideMAC: [UInt8] = [2, 0, 0, 0, 0, 2]

    /// A packet by its text, with TCP's flags behind: `tcp 10.0.0.2:5000 > 198.51.100.7:80 S`.
    static func frame(
        _ text: String, options: [UInt8] = [], tag: UInt16? = nil, payload: [UInt8] = Array("payload of test".utf8)
    ) -> [UInt8] {
        ethernet(datagram(text, options: options, payload: payload), tag: tag)
    }

    static func ethernet(_ datagram: [UInt8], tag: UInt16? = nil) -> [UInt8] {
        var frame = outsideMAC + insideMAC
        if let tag {
            frame += [0x81, 0, UInt8(tag >> 8), UInt8(tag & 0xff)]
        }
        return frame + [8, 0] + datagram
    }

    /// Without the Ethernet header.
    static func datagram(_ text: String, options: [UInt8] = [], payload: [UInt8]) -> [UInt8] {
        let words = text.split(separator: " ").map(String.init)
        let (source, sourcePort) = end(words[1])
        let (destination, destinationPort) = end(words[3])
        var l4: [UInt8]
        let number: UInt8
        switch words[0] {
        case "tcp":
            number = 6
            let flags = (words.count > 4 ? words[4] : "A").reduce(UInt8(0)) { bits, letter in
                bits | ["F": 1, "S": 2, "R": 4, "P": 8, "A": 16][letter, default: 0]
            }
            l4 = sourcePort + destinationPort + [0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 4, 0, 0, 0, 0, 0] + payload
        case "udp":
            number = 17
            l4 = sourcePort + destinationPort + be16(8 + payload.count) + [0, 0] + payload
        case "echo", "reply":
            number = 1
            l4 = [words[0] == "echo" ? 8 : 0, 0, 0, 0] + (words[0] == "echo" ? sourcePort : destinationPort) + [0, 1]
            l4 += payload
        default:
            number = UInt8(words[0]) ?? 47
            l4 = payload
        }
        let sum = checksum(l4, of: number, source + destination)
        if let at = checksumOffset(number) {
            l4.replaceSubrange(at..<at + 2, with: be16(Int(sum)))
        }
        return header(source, destination, number, options: options, l4.count) + l4
    }

    /// An ICMP error that quotes a datagram.
    static func error(_ text: String, type: UInt8, quoting datagram: [UInt8]) -> [UInt8] {
        let words = text.split(separator: " ").map(String.init)
        let (source, destination) = (end(words[0]).address, end(words[2]).address)
        var l4: [UInt8] = [type, 0, 0, 0, 0, 0, 0, 0] + datagram
        l4.replaceSubrange(2..<4, with: be16(Int(checksum(l4, of: 1, []))))
        return ethernet(header(source, destination, 1, options: [], l4.count) + l4)
    }

    /// A datagram in frames of so many bytes of payload.
    static func fragments(_ text: String, payload: Int, each size: Int, id: UInt16) -> [[UInt8]] {
        let datagram = datagram(text, payload: [UInt8](repeating: 7, count: payload))
        let data = Array(datagram[20...])
        return stride(from: 0, to: data.count, by: size).map { offset in
            let part = Array(data[offset..<min(offset + size, data.count)])
            let more: UInt16 = offset + size < data.count ? 0x2000 : 0
            var header = Array(datagram[..<20])
            header.replaceSubrange(2..<8, with: be16(20 + part.count) + be16(Int(id)) + be16(Int(more) + offset / 8))
            header.replaceSubrange(10..<12, with: [0, 0])
            header.replaceSubrange(10..<12, with: be16(Int(~sum(header))))
            return ethernet(header + part)
        }
    }

    private static func header(
        _ source: [UInt8], _ destination: [UInt8], _ number: UInt8, options: [UInt8], _ count: Int
    ) -> [UInt8] {
        let size = 20 + options.count
        var header: [UInt8] = [0x40 | UInt8(size / 4), 0] + be16(size + count) + [0, 7, 0, 0, 64, number, 0, 0]
        header += source + destination + options
        header.replaceSubrange(10..<12, with: be16(Int(~sum(header))))
        return header
    }

    /// What a frame is, with what is wrong with its checksums. A quoted packet stands in brackets.
    static func text(_ frame: [UInt8]) -> String {
        guard frame.count >= 34 else { return "short" }
        let tag = frame[12] == 0x81 ? 4 : 0
        return (tag > 0 ? "tagged " : "") + datagramText(Array(frame[(14 + tag)...]))
    }

    private static func datagramText(_ bytes: [UInt8], isQuoted: Bool = false) -> String {
        let size = Int(bytes[0] & 15) * 4
        let number = bytes[9]
        let (source, destination) = (address(bytes[12..<16]), address(bytes[16..<20]))
        let fragment = (Int(bytes[6]) & 31) << 8 | Int(bytes[7])
        let isFragment = bytes[6] & 0x20 != 0 || fragment > 0
        let l4 = Array(bytes[size..<(Int(bytes[2]) << 8 | Int(bytes[3]))])
        var wrong = sum(Array(bytes[..<size])) == 0xffff ? "" : " (wrong header checksum)"
        if fragment > 0 { return "fragment \(source) > \(destination)" + wrong }
        if !isFragment, let at = checksumOffset(number), !(number == 17 && l4[at] == 0 && l4[at + 1] == 0),
            checksum(l4, of: number, Array(bytes[12..<20]), whole: true) != 0
        {
            wrong += " (wrong checksum)"
        }
        let ports = l4.count >= 4 ? (Int(l4[0]) << 8 | Int(l4[1]), Int(l4[2]) << 8 | Int(l4[3])) : (0, 0)
        switch number {
        case 6: return "tcp \(source):\(ports.0) > \(destination):\(ports.1)" + wrong
        case 17: return "udp \(source):\(ports.0) > \(destination):\(ports.1)" + wrong
        case 1 where l4[0] == 8: return "echo \(source):\(Int(l4[4]) << 8 | Int(l4[5])) > \(destination)" + wrong
        case 1 where l4[0] == 0: return "reply \(source) > \(destination):\(Int(l4[4]) << 8 | Int(l4[5]))" + wrong
        case 1: return "error \(source) > \(destination) [\(datagramText(Array(l4[8...]), isQuoted: true))]" + wrong
        default: return "\(number) \(source) > \(destination)" + wrong
        }
    }

    private static func end(_ text: String) -> (address: [UInt8], port: [UInt8]) {
        let parts = text.split(separator: ":").map(String.init)
        return (
            IPAddress(parts[0])?.bytes ?? [0, 0, 0, 0], be16(parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        )
    }

    private static func address(_ bytes: ArraySlice<UInt8>) -> String {
        bytes.map { "\($0)" }.joined(separator: ".")
    }

    private static func be16(_ number: Int) -> [UInt8] { [UInt8(number >> 8 & 0xff), UInt8(number & 0xff)] }

    private static func checksumOffset(_ number: UInt8) -> Int? { [1: 2, 6: 16, 17: 6][number] }

    private static func checksum(_ l4: [UInt8], of number: UInt8, _ ends: [UInt8], whole: Bool = false) -> UInt16 {
        let pseudo = number == 1 ? [] : ends + [0, number] + be16(l4.count)
        let result = ~sum(pseudo + l4)
        return result == 0 && !whole && number == 17 ? 0xffff : result
    }

    private static func sum(_ bytes: [UInt8]) -> UInt16 {
        var sum = stride(from: 0, to: bytes.count, by: 2).reduce(UInt32(0)) {
            $0 + UInt32(bytes[$1]) << 8 + ($1 + 1 < bytes.count ? UInt32(bytes[$1 + 1]) : 0)
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return UInt16(sum)
    }
}
