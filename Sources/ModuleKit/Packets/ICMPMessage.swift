// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// A message of ICMP (RFC 792) or ICMPv6 (RFC 4443), whose form is the same: but ICMPv6's checksum covers the addresses of
/// the IP packet, too.
public struct ICMPMessage: Sendable, Hashable {
    public var type: UInt8
    public var code: UInt8
    /// Bytes 4 to 7: an echo's identifier and number, an MTU, flags, …
    public var word: UInt32
    /// What is behind the first eight bytes.
    public var body: [UInt8]

    static let headerSize = 8

    public init(type: UInt8, code: UInt8 = 0, word: UInt32 = 0, body: [UInt8] = []) {
        self.type = type
        self.code = code
        self.word = word
        self.body = body
    }

    /// An ICMP message over IPv4; nil for what is too short or has a wrong checksum.
    public init?(bytes: some Collection<UInt8>) {
        guard InternetChecksum.of(bytes) == 0 else { return nil }
        self.init(unchecked: bytes)
    }

    /// An ICMPv6 message; nil for what is too short or has a wrong checksum.
    public init?(bytes: some Collection<UInt8>, source: IPAddress, destination: IPAddress) {
        guard Self.checksum(of: bytes, source: source, destination: destination) == 0 else { return nil }
        self.init(unchecked: bytes)
    }

    private init?(unchecked bytes: some Collection<UInt8>) {
        guard bytes.count >= Self.headerSize else { return nil }
        var reader = StructureReader(bytes)
        type = reader.u8()
        code = reader.u8()
        reader.skip(2)
        word = reader.be32()
        body = reader.bytes(bytes.count - Self.headerSize)
    }

    /// As ICMP over IPv4.
    public var bytes: [UInt8] {
        let bytes = unsummed
        return Self.with(InternetChecksum.of(bytes), in: bytes)
    }

    /// As ICMPv6.
    public func bytes(source: IPAddress, destination: IPAddress) -> [UInt8] {
        let bytes = unsummed
        return Self.with(Self.checksum(of: bytes, source: source, destination: destination), in: bytes)
    }

    private var unsummed: [UInt8] { StructureBytes().u8(type).u8(code).be16(0).be32(word).bytes(body).bytes }

    private static func with(_ checksum: UInt16, in bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        bytes[2] = UInt8(checksum >> 8)
        bytes[3] = UInt8(checksum & 0xff)
        return bytes
    }

    private static func checksum(
        of bytes: some Collection<UInt8>, source: IPAddress, destination: IPAddress
    ) -> UInt16 {
        var checksum = InternetChecksum()
        checksum.addPseudoHeader(
            source: source, destination: destination, protocol: IPProtocol.icmpv6, length: bytes.count)
        checksum.add(bytes)
        return checksum.value
    }
}
