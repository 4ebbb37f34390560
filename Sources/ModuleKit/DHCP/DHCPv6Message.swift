// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// A DHCP message of IPv6 between a client and a server (RFC 8415, section 8).
public struct DHCPv6Message: Sendable, Hashable {
    /// RFC 8415, section 7.3.
    public enum Kind: UInt8, Sendable, CaseIterable {
        case solicit = 1
        case advertise, request, confirm, renew, rebind, reply, release, decline, reconfigure
        case informationRequest
        case relayForward, relayReply
    }

    /// The number of an option (RFC 8415, section 21, where no other is named).
    public struct Option: RawRepresentable, Sendable, Hashable {
        public let rawValue: UInt16

        public init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        public static let client = Option(rawValue: 1)
        public static let server = Option(rawValue: 2)
        public static let nonTemporaryAddresses = Option(rawValue: 3)
        public static let temporaryAddresses = Option(rawValue: 4)
        public static let optionRequest = Option(rawValue: 6)
        /// How much a server is to be preferred, one byte.
        public static let preference = Option(rawValue: 7)
        /// Hundredths of a second since the client's first message of an exchange, two bytes.
        public static let elapsedTime = Option(rawValue: 8)
        /// `Status`, and a text.
        public static let status = Option(rawValue: 13)
        /// RFC 3646.
        public static let dns = Option(rawValue: 23)
        /// RFC 3646.
        public static let domainSearch = Option(rawValue: 24)
        /// An association of delegated prefixes (IA_PD).
        public static let delegatedPrefix = Option(rawValue: 25)
        /// A prefix of such an association (IAPREFIX).
        public static let prefix = Option(rawValue: 26)
        /// RFC 4075.
        public static let sntp = Option(rawValue: 31)
        public static let informationRefreshTime = Option(rawValue: 32)
        /// RFC 5908.
        public static let ntp = Option(rawValue: 56)
        /// How long a client that nobody answers may wait (SOL_MAX_RT).
        public static let longestSolicit = Option(rawValue: 82)
    }

    /// What became of a request (RFC 8415, section 21.13).
    public enum Status: Sendable, Hashable {
        case success, unspecifiedFailure, noAddresses, noBinding, notOnLink, useMulticast, noPrefix
        case other(UInt16)

        /// Of an option's value.
        init(_ value: [UInt8]) {
            let known: [Status] = [
                .success, .unspecifiedFailure, .noAddresses, .noBinding, .notOnLink, .useMulticast, .noPrefix,
            ]
            var reader = StructureReader(value)
            let number = reader.be16()
            self = Int(number) < known.count ? known[Int(number)] : .other(number)
        }
    }

    public static let serverPort: UInt16 = 547
    public static let clientPort: UInt16 = 546
    /// `ff02::1:2`: all servers and relays on the link.
    public static let servers = IPAddress("ff02::1:2") ?? .any4

    public var kind: Kind
    /// What a reply has in common with its request; 24 bits.
    public var transaction: UInt32
    /// In their order. What comes twice is there twice.
    public private(set) var options: [(code: Option, value: [UInt8])] = []

    public init(_ kind: Kind, transaction: UInt32) {
        self.kind = kind
        self.transaction = transaction & 0xff_ffff
    }

    /// The first one of its kind.
    public subscript(code: Option) -> [UInt8]? {
        options.first { $0.code == code }?.value
    }

    public mutating func append(_ code: Option, _ value: [UInt8]) {
        options.append((code, value))
    }

    /// The options that the client asks for.
    public var requested: Set<Option> {
        let bytes = self[.optionRequest] ?? []
        return Set(
            stride(from: 0, to: bytes.count - bytes.count % 2, by: 2).map {
                Option(rawValue: UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]))
            })
    }

    /// What a client or server is called that has an Ethernet address (DUID-LL, RFC 8415, section 11.4): it stays as long
    /// as the address does.
    public static func identifier(of mac: MACAddress) -> [UInt8] {
        StructureBytes().be16(3).be16(1).bytes(mac.bytes).bytes
    }

    /// Of the message as a whole.
    public var status: Status { self[.status].map(Status.init) ?? .success }

    /// Seconds that a client may wait at most until it looks for servers again; nil where the server does not say, or
    /// says what cannot be (RFC 8415, section 21.24).
    var longestSolicit: Int? {
        guard let value = self[.longestSolicit], value.count == 4 else { return nil }
        var reader = StructureReader(value)
        let seconds = Int(reader.be32())
        return (60...86_400).contains(seconds) ? seconds : nil
    }

    public static func == (one: DHCPv6Message, other: DHCPv6Message) -> Bool { one.bytes == other.bytes }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(bytes)
    }
}

/// Why bytes are no DHCPv6 message.
public enum DHCPv6MessageError: Error, Sendable, Hashable {
    case tooShort(Int)
    case unknownKind(UInt8)
    /// Relays' messages have another form.
    case relayed
    /// An option goes on behind the end of the message.
    case truncatedOption
}

extension DHCPv6Message {
    /// Reads the payload of a UDP packet.
    public init(_ payload: some Sequence<UInt8>) throws(DHCPv6MessageError) {
        let bytes = Array(payload)
        guard bytes.count >= 4 else { throw .tooShort(bytes.count) }
        guard let kind = Kind(rawValue: bytes[0]) else { throw .unknownKind(bytes[0]) }
        guard kind != .relayForward, kind != .relayReply else { throw .relayed }
        self.init(kind, transaction: bytes[1..<4].reduce(0) { $0 << 8 | UInt32($1) })
        options = try Self.options(in: bytes[4...])
    }

    /// The options that fill some bytes, in their order.
    static func options(
        in bytes: some Collection<UInt8>
    ) throws(DHCPv6MessageError) -> [(code: Option, value: [UInt8])] {
        var options: [(code: Option, value: [UInt8])] = []
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            guard rest.count >= 4 else { throw .truncatedOption }
            var reader = StructureReader(rest.prefix(4))
            let code = reader.be16()
            let length = Int(reader.be16())
            rest = rest.dropFirst(4)
            guard length <= rest.count else { throw .truncatedOption }
            options.append((Option(rawValue: code), Array(rest.prefix(length))))
            rest = rest.dropFirst(length)
        }
        return options
    }

    /// The payload of a UDP packet.
    public var bytes: [UInt8] {
        let head: [UInt8] = [
            kind.rawValue, UInt8(transaction >> 16 & 0xff), UInt8(transaction >> 8 & 0xff), UInt8(transaction & 0xff),
        ]
        return options.reduce(into: StructureBytes().bytes(head)) { bytes, option in
            bytes = bytes.be16(option.code.rawValue).be16(option.value.count).bytes(option.value)
        }.bytes
    }
}
