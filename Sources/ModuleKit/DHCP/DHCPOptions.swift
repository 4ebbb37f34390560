// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// The number of a DHCP option (RFC 2132, where no other is named).
public struct DHCPOption: RawRepresentable, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    private init(_ number: UInt8) {
        rawValue = number
    }

    public static let pad = DHCPOption(0)
    public static let end = DHCPOption(255)
    public static let subnetMask = DHCPOption(1)
    public static let router = DHCPOption(3)
    public static let dns = DHCPOption(6)
    public static let hostname = DHCPOption(12)
    public static let domain = DHCPOption(15)
    public static let mtu = DHCPOption(26)
    public static let broadcast = DHCPOption(28)
    public static let ntp = DHCPOption(42)
    public static let requestedAddress = DHCPOption(50)
    public static let leaseTime = DHCPOption(51)
    public static let overload = DHCPOption(52)
    public static let messageType = DHCPOption(53)
    public static let server = DHCPOption(54)
    public static let parameterRequestList = DHCPOption(55)
    public static let message = DHCPOption(56)
    public static let maximumSize = DHCPOption(57)
    public static let renewalTime = DHCPOption(58)
    public static let rebindingTime = DHCPOption(59)
    public static let vendorClass = DHCPOption(60)
    public static let clientIdentifier = DHCPOption(61)
    public static let bootServerName = DHCPOption(66)
    public static let bootFile = DHCPOption(67)
    /// RFC 3046.
    public static let relayAgent = DHCPOption(82)
    /// RFC 3397.
    public static let domainSearch = DHCPOption(119)
    /// RFC 3442.
    public static let routes = DHCPOption(121)
}

/// The options of a message, each once, in the order in which they came or were set.
public struct DHCPOptions: Sendable, Hashable {
    /// The numbers of the options that are there.
    public private(set) var codes: [DHCPOption] = []
    private var values: [DHCPOption: [UInt8]] = [:]

    public init() {}

    /// The bytes of an option; nil when it is not there.
    public subscript(code: DHCPOption) -> [UInt8]? {
        get { values[code] }
        set {
            if newValue == nil {
                codes.removeAll { $0 == code }
            } else if values[code] == nil {
                codes.append(code)
            }
            values[code] = newValue
        }
    }

    /// Adds the options of a field. An option that comes again goes on where it ended (RFC 3396, section 7).
    mutating func read(_ field: ArraySlice<UInt8>) throws(DHCPMessageError) {
        var rest = field
        while let first = rest.popFirst() {
            let code = DHCPOption(rawValue: first)
            if code == .pad { continue }
            if code == .end { return }
            guard let length = rest.popFirst().map(Int.init), length <= rest.count else {
                throw .truncatedOption(first)
            }
            if values[code] == nil {
                codes.append(code)
            }
            values[code, default: []] += rest.prefix(length)
            rest = rest.dropFirst(length)
        }
    }
}

// What is in an option. A value that does not have its option's form reads as if it were not there.
extension DHCPOptions {
    /// One address.
    public func address(_ code: DHCPOption) -> IPAddress? {
        guard let bytes = self[code], bytes.count == 4 else { return nil }
        return IPAddress(bytes: bytes)
    }

    /// A list of addresses.
    public func addresses(_ code: DHCPOption) -> [IPAddress] {
        guard let bytes = self[code], bytes.count % 4 == 0 else { return [] }
        return stride(from: 0, to: bytes.count, by: 4).compactMap { IPAddress(bytes: bytes[$0..<$0 + 4]) }
    }

    /// A number of 1, 2 or 4 bytes.
    public func number<Number: FixedWidthInteger & UnsignedInteger>(
        _ code: DHCPOption, as type: Number.Type = Number.self
    ) -> Number? {
        guard let bytes = self[code], bytes.count == Number.bitWidth / 8 else { return nil }
        return Number(bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }

    /// A text of printable ASCII, without the zeros that some put behind it; nil for any other.
    public func text(_ code: DHCPOption) -> String? {
        guard var bytes = self[code] else { return nil }
        while bytes.last == 0 {
            bytes.removeLast()
        }
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x20..<0x7f).contains($0) }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    public mutating func set(_ code: DHCPOption, _ addresses: [IPAddress]) {
        self[code] = addresses.isEmpty ? nil : addresses.flatMap(\.bytes)
    }

    public mutating func set(_ code: DHCPOption, _ address: IPAddress) {
        self[code] = address.bytes
    }

    public mutating func set(_ code: DHCPOption, _ number: some FixedWidthInteger & UnsignedInteger) {
        self[code] = withUnsafeBytes(of: number.bigEndian, Array.init)
    }

    public mutating func set(_ code: DHCPOption, _ text: String) {
        self[code] = text.isEmpty ? nil : Array(text.utf8)
    }

    /// Domains to search (RFC 3397), without the compression that is possible there.
    public mutating func set(_ code: DHCPOption, names: [DNSName]) {
        self[code] = names.isEmpty ? nil : names.flatMap(\.bytes)
    }

    /// Networks and the routers to them (RFC 3442).
    public mutating func set(_ code: DHCPOption, routes: [DHCPRoute]) {
        self[code] = routes.isEmpty ? nil : routes.flatMap(\.bytes)
    }

    /// The routes of option 121, up to the first one that is malformed.
    public var routes: [DHCPRoute] {
        var rest = (self[.routes] ?? [])[...]
        var routes: [DHCPRoute] = []
        while let route = DHCPRoute(takenFrom: &rest) {
            routes.append(route)
        }
        return routes
    }
}

/// A route of option 121 (RFC 3442).
public struct DHCPRoute: Sendable, Hashable {
    /// The network.
    public var destination: IPPrefix
    /// The router; 0.0.0.0 when the network is on the link.
    public var router: IPAddress

    public init(_ destination: IPPrefix, via router: IPAddress) {
        self.destination = destination.networkPrefix
        self.router = router
    }

    init?(takenFrom bytes: inout ArraySlice<UInt8>) {
        guard let length = bytes.popFirst(), length <= 32 else { return nil }
        let significant = (Int(length) + 7) / 8
        guard bytes.count >= significant + 4 else { return nil }
        let network = Array(bytes.prefix(significant)) + repeatElement(0, count: 4 - significant)
        bytes = bytes.dropFirst(significant)
        guard let address = IPAddress(bytes: network), let prefix = IPPrefix(address, length: Int(length)),
            let router = IPAddress(bytes: bytes.prefix(4))
        else { return nil }
        bytes = bytes.dropFirst(4)
        self.init(prefix, via: router)
    }

    /// The length in bits, the bytes of the network that it reaches into, and the router.
    var bytes: [UInt8] {
        [UInt8(destination.length)] + destination.network.bytes.prefix((destination.length + 7) / 8) + router.bytes
    }
}
