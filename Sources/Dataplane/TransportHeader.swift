// SPDX-License-Identifier: Apache-2.0

/// Where the TCP or UDP header of a frame is, and whether somebody still has to fill in its checksum.
///
/// A packet that a host sends leaves its stack with a checksum over the pseudo-header alone (CHECKSUM_PARTIAL,
/// Documentation/networking/checksum-offloads.rst): the device adds up the rest. A module's packet-in has the bytes as
/// they are then, so who sends such a frame again has to say that the checksum is not complete.
struct TransportHeader {
    /// `IPPROTO_TCP` or `IPPROTO_UDP`.
    let number: UInt8
    let isIPv6: Bool
    /// Bytes from the frame's start to the IP header.
    let network: Int
    /// Bytes from the frame's start to the header.
    let start: Int
    /// Bytes from the frame's start to the end of the IP packet, without Ethernet's padding.
    private let end: Int
    /// The sum of the pseudo-header.
    private let pseudoSum: UInt64

    static let tcp: UInt8 = 6
    static let udp: UInt8 = 17

    /// Where the checksum is, from the header's start.
    var checksumOffset: Int { number == Self.tcp ? 16 : 6 }

    /// Nil for a frame that is not TCP or UDP in IPv4 or IPv6, is a fragment, or has IPv6 extension headers (packets with
    /// these are never sent with an incomplete checksum by Linux).
    init?(of frame: [UInt8]) {
        var offset = 12
        // IEEE 802.1Q and 802.1ad tags.
        while let tag = frame.word(at: offset), tag == 0x8100 || tag == 0x88a8 {
            offset += 4
        }
        switch frame.word(at: offset) {
        case 0x0800: self.init(ipv4: frame, at: offset + 2)
        case 0x86dd: self.init(ipv6: frame, at: offset + 2)
        default: return nil
        }
    }

    private init?(ipv4 frame: [UInt8], at ip: Int) {
        guard ip + 20 <= frame.count, let length = frame.word(at: ip + 2), let fragment = frame.word(at: ip + 6),
            // No fragment but a whole packet: RFC 791, 3.1.
            fragment & 0x3fff == 0
        else { return nil }
        self.init(
            number: frame[ip + 9], isIPv6: false, network: ip, start: ip + 4 * Int(frame[ip] & 0xf),
            end: ip + Int(length), addresses: ip + 12..<ip + 20, of: frame)
    }

    private init?(ipv6 frame: [UInt8], at ip: Int) {
        guard ip + 40 <= frame.count, let length = frame.word(at: ip + 4) else { return nil }
        self.init(
            number: frame[ip + 6], isIPv6: true, network: ip, start: ip + 40, end: ip + 40 + Int(length),
            addresses: ip + 8..<ip + 40, of: frame)
    }

    private init?(
        number: UInt8, isIPv6: Bool, network: Int, start: Int, end: Int, addresses: Range<Int>, of frame: [UInt8]
    ) {
        self.number = number
        self.isIPv6 = isIPv6
        self.network = network
        self.start = start
        self.end = end
        // RFC 768, RFC 9293 3.1, RFC 8200 8.1: addresses, length, protocol.
        pseudoSum = frame.sum(of: addresses) + UInt64(max(0, end - start)) + UInt64(number)
        let size = number == Self.tcp ? 20 : 8
        guard number == Self.tcp || number == Self.udp, start + size <= end, start + size <= frame.count else {
            return nil
        }
    }

    /// What the checksum is as long as it covers the pseudo-header only.
    var partialChecksum: UInt16 { folded(pseudoSum) }

    /// Whether the frame's checksum covers the pseudo-header only: it is that sum, and wrong for the whole.
    func isPartial(in frame: [UInt8]) -> Bool {
        guard end <= frame.count, frame.word(at: start + checksumOffset) == partialChecksum else { return false }
        return folded(pseudoSum + frame.sum(of: start..<end)) != 0xffff
    }

    /// Bytes to the end of the header, options included.
    func end(in frame: [UInt8]) -> Int {
        start + (number == Self.tcp ? 4 * Int(frame[start + 12] >> 4) : 8)
    }

    /// Whether it is TCP with the flag CWR (RFC 3168), which only the first segment of a GSO packet keeps.
    func hasCWR(in frame: [UInt8]) -> Bool {
        number == Self.tcp && frame[start + 13] & 0x80 != 0
    }
}

/// The ones' complement sum in 16 bits (RFC 1071).
private func folded(_ sum: UInt64) -> UInt16 {
    var sum = sum
    while sum > 0xffff {
        sum = sum & 0xffff + sum >> 16
    }
    return UInt16(sum)
}

extension [UInt8] {
    /// A number of 16 bits in network order; nil where the bytes end before it does.
    fileprivate func word(at offset: Int) -> UInt16? {
        offset + 2 <= count ? UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) : nil
    }

    /// The ones' complement sum of a part in 16 bits, whose complement is an IPv4 header's checksum.
    func foldedSum(of range: Range<Int>) -> UInt16 { folded(sum(of: range)) }

    /// The sum of 16-bit numbers in network order; an odd byte counts as the first of a number.
    fileprivate func sum(of range: Range<Int>) -> UInt64 {
        withUnsafeBytes { bytes in
            var sum: UInt64 = 0
            var offset = range.lowerBound
            while offset + 1 < range.upperBound {
                sum += UInt64(bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self).bigEndian)
                offset += 2
            }
            if offset < range.upperBound {
                sum += UInt64(bytes[offset]) << 8
            }
            return sum
        }
    }
}
