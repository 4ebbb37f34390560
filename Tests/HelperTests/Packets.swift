// SPDX-License-Identifier: Apache-2.0

/// Bytes of a number, the highest first.
func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
}

/// The Internet checksum (RFC 1071).
func checksum(_ data: [UInt8]) -> UInt16 {
    let padded = data.count % 2 == 0 ? data : data + [0]
    var sum = stride(from: 0, to: padded.count, by: 2)
        .reduce(0) { $0 + Int(padded[$1]) << 8 + Int(padded[$1 + 1]) }
    while sum > 0xffff {
        sum = sum & 0xffff + sum >> 16
    }
    return ~UInt16(sum)
}

/// What an IP packet carries: an L4 header and what follows.
struct Segment: Sendable {
    var type: UInt8
    var bytes: [UInt8]
    /// Where the checksum is; nil: there is none, or it is not to be filled in.
    var checksumPlace: Int?
    /// Whether addresses are under it.
    var hasPseudoHeader = true

    static func tcp(
        _ source: UInt16 = 40000, _ destination: UInt16 = 80, flags: UInt8 = 0x10, options: [UInt8] = [],
        payload: [UInt8] = text
    ) -> Segment {
        let size = UInt8((20 + options.count) / 4 * 16)
        let header = HelperTests.bytes(source) + HelperTests.bytes(destination) + [0, 0, 0, 1, 0, 0, 0, 2, size, flags]
        return Segment(type: 6, bytes: header + [1, 0, 0, 0, 0, 0] + options + payload, checksumPlace: 16)
    }

    static func udp(
        _ source: UInt16 = 5000, _ destination: UInt16 = 53, hasChecksum: Bool = true,
        payload: [UInt8] = text
    ) -> Segment {
        let length = HelperTests.bytes(UInt16(8 + payload.count))
        let header = HelperTests.bytes(source) + HelperTests.bytes(destination) + length + [0, 0]
        return Segment(type: 17, bytes: header + payload, checksumPlace: hasChecksum ? 6 : nil)
    }

    static func sctp(_ source: UInt16 = 7000, _ destination: UInt16 = 3868) -> Segment {
        let header = HelperTests.bytes(source) + HelperTests.bytes(destination) + [1, 2, 3, 4, 5, 6, 7, 8]
        return Segment(type: 132, bytes: header + text)
    }

    /// An echo request.
    static func ping(id: UInt16 = 77) -> Segment {
        Segment(
            type: 1, bytes: [8, 0, 0, 0] + HelperTests.bytes(id) + [0, 1] + text, checksumPlace: 2,
            hasPseudoHeader: false)
    }

    static func ping6(id: UInt16 = 77) -> Segment {
        Segment(type: 58, bytes: [128, 0, 0, 0] + HelperTests.bytes(id) + [0, 1] + text, checksumPlace: 2)
    }

    /// An ICMP error that quotes the beginning of a packet.
    static func error(type: UInt8 = 3, quoting packet: [UInt8]) -> Segment {
        Segment(type: 1, bytes: [type, 1, 0, 0, 0, 0, 0, 0] + packet, checksumPlace: 2, hasPseudoHeader: false)
    }

    static func error6(type: UInt8 = 1, quoting packet: [UInt8]) -> Segment {
        Segment(type: 58, bytes: [type, 4, 0, 0, 0, 0, 0, 0] + packet, checksumPlace: 2)
    }

    static func raw(_ type: UInt8, _ bytes: [UInt8] = text) -> Segment {
        Segment(type: type, bytes: bytes)
    }

    static let text = Array("the quick brown fox jumps".utf8)

    /// With its checksum, between two addresses.
    func filled(addresses: [UInt8]) -> [UInt8] {
        guard let place = checksumPlace else { return bytes }
        let pseudo = addresses + HelperTests.bytes(UInt32(bytes.count)) + [0, 0, 0, type]
        var sum = checksum((hasPseudoHeader ? pseudo : []) + bytes)
        if type == 17, sum == 0 {
            sum = 0xffff
        }
        var filled = bytes
        filled.replaceSubrange(place..<place + 2, with: HelperTests.bytes(sum))
        return filled
    }
}

/// An IP packet of either version.
protocol IPPacket: Sendable {
    var bytes: [UInt8] { get }
    var ethertype: UInt16 { get }
}

struct IPv4: IPPacket {
    var source: [UInt8] = [10, 0, 0, 1]
    var destination: [UInt8] = [10, 0, 0, 2]
    var timeToLive: UInt8 = 64
    var options: [UInt8] = []
    /// Flags and offset, as they lie in the header.
    var fragment: UInt16 = 0x4000
    /// What the header says, where that is not the truth.
    var length: UInt16?
    var segment: Segment

    let ethertype: UInt16 = 0x0800

    var bytes: [UInt8] {
        let content = segment.filled(addresses: source + destination)
        let size = 20 + options.count
        var header = [0x40 + UInt8(size / 4), 0] + HelperTests.bytes(length ?? UInt16(size + content.count))
        header += [0x12, 0x34] + HelperTests.bytes(fragment) + [timeToLive, segment.type, 0, 0]
        header += source + destination + options
        header.replaceSubrange(10..<12, with: HelperTests.bytes(checksum(header)))
        return header + content
    }
}

struct IPv6: IPPacket {
    var source: [UInt8] = [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]
    var destination: [UInt8] = [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [2]
    var hopLimit: UInt8 = 64
    /// Type and bytes of each extension header; the first byte is filled in.
    var extensions: [(type: UInt8, bytes: [UInt8])] = []
    /// The destination that is in the pseudo header, where a routing header has it.
    var lastDestination: [UInt8]?
    var segment: Segment

    let ethertype: UInt16 = 0x86dd

    var bytes: [UInt8] {
        let types = extensions.map(\.type) + [segment.type]
        var content: [UInt8] = []
        for (index, header) in extensions.enumerated() {
            content += [types[index + 1]] + header.bytes.dropFirst()
        }
        content += segment.filled(addresses: source + (lastDestination ?? destination))
        return [0x60, 0, 0, 0] + HelperTests.bytes(UInt16(content.count)) + [types[0], hopLimit] + source + destination
            + content
    }
}

struct Tag: Equatable, Sendable {
    var type: UInt16 = 0x8100
    var id: UInt16
    var priority: UInt16 = 0
    var isDropEligible = false
}

/// A frame with tags, the outer one first.
func frame(_ packet: any IPPacket, tags: [Tag] = [], padding: Int = 0) -> [UInt8] {
    frame(packet.ethertype, packet.bytes, tags: tags, padding: padding)
}

func frame(_ ethertype: UInt16, _ content: [UInt8], tags: [Tag] = [], padding: Int = 0) -> [UInt8] {
    let addresses: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]
    let tagBytes = tags.flatMap { tag in
        bytes(tag.type) + bytes(tag.priority << 13 | (tag.isDropEligible ? 0x1000 : 0) | tag.id)
    }
    return addresses + tagBytes + bytes(ethertype) + content + [UInt8](repeating: 0xee, count: padding)
}

/// An ARP request for an IPv4 address over Ethernet.
let arpRequest: [UInt8] =
    [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1] + [UInt8](repeating: 0, count: 6) + [10, 0, 0, 2]
