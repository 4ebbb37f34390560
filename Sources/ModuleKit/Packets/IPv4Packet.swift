// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// Numbers of what IP carries.
public enum IPProtocol {
    public static let icmp: UInt8 = 1
    public static let tcp: UInt8 = 6
    public static let udp: UInt8 = 17
    public static let icmpv6: UInt8 = 58
}

/// An IPv4 datagram or fragment (RFC 791).
public struct IPv4Packet: Sendable, Hashable {
    public var typeOfService: UInt8 = 0
    public var identification: UInt16 = 0
    public var dontFragment = false
    public var moreFragments = false
    /// In bytes, a multiple of 8.
    public var fragmentOffset = 0
    public var timeToLive: UInt8 = 64
    public var protocolNumber: UInt8
    public var source: IPAddress
    public var destination: IPAddress
    /// A multiple of four bytes, 40 at most.
    public var options: [UInt8] = []
    public var payload: [UInt8]

    static let headerSize = 20

    public init(protocol number: UInt8, source: IPAddress, destination: IPAddress, payload: [UInt8]) {
        protocolNumber = number
        self.source = source
        self.destination = destination
        self.payload = payload
    }

    /// Nil for what is no IPv4, contradicts itself, is cut off, or has a wrong header checksum. What is behind the
    /// datagram is padding, and left out.
    public init?(bytes: some Collection<UInt8>) {
        self.init(bytes: bytes, isCutOff: false)
    }

    /// The same, for a packet that may be cut off behind its header, as ICMP errors quote it.
    public init?(quoted bytes: some Collection<UInt8>) {
        self.init(bytes: bytes, isCutOff: true)
    }

    private init?(bytes: some Collection<UInt8>, isCutOff: Bool) {
        var reader = StructureReader(bytes)
        let first = reader.u8()
        let size = Int(first & 0x0f) * 4
        guard first >> 4 == 4, size >= Self.headerSize, size <= bytes.count,
            InternetChecksum.of(bytes.prefix(size)) == 0
        else { return nil }
        let typeOfService = reader.u8()
        let length = Int(reader.be16())
        guard length >= size, isCutOff || length <= bytes.count else { return nil }
        let identification = reader.be16()
        let fragment = reader.be16()
        let timeToLive = reader.u8()
        let number = reader.u8()
        reader.skip(2)
        guard let source = IPAddress(bytes: reader.bytes(4)), let destination = IPAddress(bytes: reader.bytes(4)) else {
            return nil
        }
        let options = reader.bytes(size - Self.headerSize)
        self.init(
            protocol: number, source: source, destination: destination,
            payload: reader.bytes(min(length, bytes.count) - size))
        self.typeOfService = typeOfService
        self.identification = identification
        dontFragment = fragment & 0x4000 != 0
        moreFragments = fragment & 0x2000 != 0
        fragmentOffset = Int(fragment & 0x1fff) * 8
        self.timeToLive = timeToLive
        self.options = options
    }

    public var bytes: [UInt8] {
        let size = Self.headerSize + options.count
        let fragment = (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0) | fragmentOffset / 8 & 0x1fff
        var header = StructureBytes().u8(0x40 | size / 4).u8(typeOfService).be16(size + payload.count)
            .be16(identification).be16(fragment).u8(timeToLive).u8(protocolNumber).be16(0).bytes(source.bytes)
            .bytes(destination.bytes).bytes(options).bytes
        let checksum = InternetChecksum.of(header)
        header[10] = UInt8(checksum >> 8)
        header[11] = UInt8(checksum & 0xff)
        return header + payload
    }

    /// Pieces that fit into an MTU (RFC 791, section 3.2). The packet may be a fragment itself. Nil where the MTU has no
    /// room for a piece.
    public func fragments(mtu: Int) -> [IPv4Packet]? {
        guard Self.headerSize + options.count + payload.count > mtu else { return [self] }
        var pieces: [IPv4Packet] = []
        var rest = payload[...]
        while !rest.isEmpty {
            var piece = self
            // Only some options go into all fragments (RFC 791, section 3.1: the copied flag).
            piece.options = pieces.isEmpty ? options : Self.copiedOptions(of: options)
            let room = mtu - Self.headerSize - piece.options.count
            guard room >= 8 else { return nil }
            piece.payload = Array(rest.prefix(rest.count <= room ? room : room & ~7))
            piece.fragmentOffset = fragmentOffset + payload.count - rest.count
            rest = rest.dropFirst(piece.payload.count)
            piece.moreFragments = moreFragments || !rest.isEmpty
            pieces.append(piece)
        }
        return pieces
    }

    private static func copiedOptions(of options: [UInt8]) -> [UInt8] {
        var copied: [UInt8] = []
        var rest = options[...]
        while let type = rest.first, type != 0 {
            guard type != 1 else {
                rest = rest.dropFirst()
                continue
            }
            let length = Int(rest.dropFirst().first ?? 0)
            guard length >= 2, length <= rest.count else { break }
            if type & 0x80 != 0 {
                copied += rest.prefix(length)
            }
            rest = rest.dropFirst(length)
        }
        return StructureBytes().bytes(copied).padded(to: 4).bytes
    }
}
