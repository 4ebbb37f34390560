// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// The checksum of IPv4 headers, UDP, ICMP and ICMPv6 (RFC 1071): it is taken over 16-bit words, and over what it covers
/// together with itself it is 0.
public struct InternetChecksum: Sendable, Hashable {
    private var sum: UInt64 = 0

    public init() {}

    /// Adds bytes. Of several additions all but the last must be of an even number of bytes.
    public mutating func add(_ bytes: some Sequence<UInt8>) {
        var isHigh = true
        for byte in bytes {
            sum &+= isHigh ? UInt64(byte) << 8 : UInt64(byte)
            isHigh.toggle()
        }
    }

    /// Adds the pseudo header of UDP, TCP or ICMPv6 (RFC 768; RFC 8200, section 8.1).
    ///
    /// - Parameter length: in bytes, of the L4 header and what is behind it.
    public mutating func addPseudoHeader(source: IPAddress, destination: IPAddress, protocol number: UInt8, length: Int)
    {
        add(source.bytes)
        add(destination.bytes)
        sum &+= UInt64(number) &+ UInt64(length >> 16) &+ UInt64(length & 0xffff)
    }

    /// What goes into the packet.
    public var value: UInt16 {
        var folded = sum
        while folded > 0xffff {
            folded = folded >> 16 + folded & 0xffff
        }
        return ~UInt16(folded)
    }

    /// The checksum of some bytes alone.
    public static func of(_ bytes: some Sequence<UInt8>) -> UInt16 {
        var checksum = InternetChecksum()
        checksum.add(bytes)
        return checksum.value
    }
}
