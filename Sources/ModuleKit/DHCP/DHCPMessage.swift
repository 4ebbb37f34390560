// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// A DHCP message of IPv4 (RFC 2131, section 2), for servers and clients.
public struct DHCPMessage: Sendable, Hashable {
    /// Who speaks.
    public enum Operation: UInt8, Sendable {
        /// A client.
        case request = 1
        /// A server.
        case reply = 2
    }

    /// Option 53 (RFC 2132, section 9.6).
    public enum Kind: UInt8, Sendable, CaseIterable {
        case discover = 1
        case offer, request, decline, ack, nak, release, inform
    }

    public static let serverPort: UInt16 = 67
    public static let clientPort: UInt16 = 68

    public var operation: Operation
    /// 1 is Ethernet (RFC 1700).
    public var hardwareType: UInt8 = 1
    /// `chaddr`, up to 16 bytes.
    public var hardwareAddress: [UInt8]
    /// How many relays the message passed.
    public var hops: UInt8 = 0
    /// `xid`: what a reply has in common with its request.
    public var transaction: UInt32
    /// How long the client has been trying.
    public var seconds: UInt16 = 0
    /// The client wants replies by broadcast, because it cannot receive others yet.
    public var wantsBroadcast = false
    /// `ciaddr`: the address that the client has and answers for.
    public var clientAddress = IPAddress.any4
    /// `yiaddr`: the address that the client gets.
    public var yourAddress = IPAddress.any4
    /// `siaddr`: the server of the next step of starting over the network.
    public var nextServer = IPAddress.any4
    /// `giaddr`: the relay through which the client is reached.
    public var relay = IPAddress.any4
    /// `sname`, at most 64 bytes. Empty when options lie there.
    public var serverName: [UInt8] = []
    /// `file`, at most 128 bytes. Empty when options lie there.
    public var bootFile: [UInt8] = []
    public var options = DHCPOptions()

    public init(_ operation: Operation, transaction: UInt32, hardwareAddress: [UInt8]) {
        self.operation = operation
        self.transaction = transaction
        self.hardwareAddress = hardwareAddress
    }

    /// What it is; nil for a message of BOOTP, and for a number that nobody knows.
    public var kind: Kind? {
        get {
            guard let bytes = options[.messageType], bytes.count == 1 else { return nil }
            return Kind(rawValue: bytes[0])
        }
        set { options[.messageType] = newValue.map { [$0.rawValue] } }
    }

    /// The client's Ethernet address; nil when its hardware is of another kind.
    public var mac: MACAddress? { hardwareType == 1 ? MACAddress(bytes: hardwareAddress) : nil }
}

/// Why bytes are no DHCP message.
public enum DHCPMessageError: Error, Sendable, Hashable {
    /// They end within the fixed part.
    case tooShort(Int)
    /// `op` is neither request nor reply.
    case unknownOperation(UInt8)
    /// `hlen` is more than `chaddr` has room for.
    case hardwareAddressTooLong(UInt8)
    /// The magic cookie is not there: old BOOTP, or something else.
    case noCookie
    /// An option goes on behind the end of its field.
    case truncatedOption(UInt8)
}

extension DHCPMessage {
    /// Bytes before the options, with the cookie.
    static let headSize = 240
    static let cookie: [UInt8] = [99, 130, 83, 99]
    static let serverNameRoom = 64
    static let bootFileRoom = 128
    /// What BOOTP relays expect at least (RFC 951: 300 bytes).
    static let leastSize = 300
    /// The UDP payload that every client takes: a datagram of 576 bytes less the headers (RFC 2131, section 2).
    public static let usualLimit = 548

    /// Reads the payload of a UDP packet. What is behind the end of the options does not count.
    public init(_ payload: some Sequence<UInt8>) throws(DHCPMessageError) {
        let bytes = Array(payload)
        guard bytes.count >= Self.headSize else { throw .tooShort(bytes.count) }
        guard let operation = Operation(rawValue: bytes[0]) else { throw .unknownOperation(bytes[0]) }
        guard bytes[2] <= 16 else { throw .hardwareAddressTooLong(bytes[2]) }
        guard Array(bytes[236..<240]) == Self.cookie else { throw .noCookie }
        self.init(
            operation, transaction: bytes[4..<8].reduce(0) { $0 << 8 | UInt32($1) },
            hardwareAddress: Array(bytes[28..<28 + Int(bytes[2])]))
        hardwareType = bytes[1]
        hops = bytes[3]
        seconds = UInt16(bytes[8]) << 8 | UInt16(bytes[9])
        wantsBroadcast = bytes[10] & 0x80 != 0
        clientAddress = Self.address(bytes, at: 12)
        yourAddress = Self.address(bytes, at: 16)
        nextServer = Self.address(bytes, at: 20)
        relay = Self.address(bytes, at: 24)
        try readOptions(bytes)
    }

    private static func address(_ bytes: [UInt8], at offset: Int) -> IPAddress {
        IPAddress(bytes: bytes[offset..<offset + 4]) ?? .any4
    }

    /// Options go on in `file` and then in `sname` when option 52 says so (RFC 2132, section 9.3; the order is that of
    /// RFC 3396, section 5). What it says in there does not count.
    private mutating func readOptions(_ bytes: [UInt8]) throws(DHCPMessageError) {
        let serverName = bytes[44..<44 + Self.serverNameRoom]
        let bootFile = bytes[108..<108 + Self.bootFileRoom]
        try options.read(bytes[Self.headSize...])
        let overload = options[.overload]?.first ?? 0
        if overload & 1 != 0 {
            try options.read(bootFile)
        } else {
            self.bootFile = Array(bootFile.prefix { $0 != 0 })
        }
        if overload & 2 != 0 {
            try options.read(serverName)
        } else {
            self.serverName = Array(serverName.prefix { $0 != 0 })
        }
        options[.overload] = nil
    }

    /// The payload of a UDP packet.
    ///
    /// - Parameter limit: its most bytes. Options that do not fit go to `file` and `sname` as far as these are empty; what
    ///   fits nowhere is left out, so the options that matter most come first.
    public func bytes(atMost limit: Int = usualLimit) -> [UInt8] {
        var layout = DHCPOptionLayout(
            room: max(limit, Self.leastSize) - Self.headSize, fileRoom: bootFile.isEmpty ? Self.bootFileRoom : 0,
            nameRoom: serverName.isEmpty ? Self.serverNameRoom : 0)
        layout.place(options)
        let bytes =
            head + Self.padded(layout.name ?? serverName, to: Self.serverNameRoom)
            + Self.padded(layout.file ?? bootFile, to: Self.bootFileRoom) + Self.cookie + layout.main
        return Self.padded(bytes, to: max(bytes.count, Self.leastSize))
    }

    /// The fixed part up to `chaddr`.
    private var head: [UInt8] {
        let address = hardwareAddress.prefix(16)
        return StructureBytes()
            .u8(operation.rawValue).u8(hardwareType).u8(address.count).u8(hops)
            .be32(transaction).be16(seconds).be16(wantsBroadcast ? 0x8000 : 0)
            .bytes(clientAddress.bytes).bytes(yourAddress.bytes).bytes(nextServer.bytes).bytes(relay.bytes)
            .bytes(Self.padded(Array(address), to: 16))
            .bytes
    }

    private static func padded(_ bytes: [UInt8], to size: Int) -> [UInt8] {
        Array(bytes.prefix(size)) + repeatElement(0, count: max(size - bytes.count, 0))
    }
}
