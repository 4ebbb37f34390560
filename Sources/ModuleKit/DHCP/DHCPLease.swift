// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// What a client got from a server.
public struct DHCPLease: Sendable, Hashable {
    /// The client's address, with the length of its network.
    public var address: IPPrefix
    public var server: IPAddress
    /// Default gateways, the best one first.
    public var routers: [IPAddress]
    public var dns: [IPAddress]
    public var domain: String?
    /// Option 121. When there are some, `routers` does not count (RFC 3442).
    public var routes: [DHCPRoute]
    public var mtu: Int?
    /// When the client asked for it, in milliseconds of the caller's clock; it ends `duration` after that.
    public var start: Int
    /// In seconds; nil is for ever.
    public var duration: Int?
    /// From the start on, in seconds (T1).
    public var renewal: Int
    /// From the start on, in seconds (T2).
    public var rebinding: Int

    /// When it ends, in milliseconds; nil is never.
    public var end: Int? { duration.map { start + $0 * 1000 } }

    /// What an acknowledgement gives. Nil for one that says not enough, or nothing that can be.
    public init?(_ message: DHCPMessage, start: Int) {
        let options = message.options
        guard let seconds: UInt32 = options.number(.leaseTime), seconds > 0, let server = options.address(.server),
            Self.isHost(message.yourAddress), let network = Self.network(of: message.yourAddress, options)
        else { return nil }
        address = network
        self.server = server
        routers = options.addresses(.router).filter(Self.isHost)
        dns = options.addresses(.dns).filter { !$0.isUnspecified && !$0.isMulticast }
        domain = options.text(.domain).flatMap { DNSName($0) }?.description
        routes = options.routes
        mtu = (options.number(.mtu) as UInt16?).map(Int.init).flatMap { $0 >= 576 ? $0 : nil }
        self.start = start
        let isForEver = seconds == .max
        duration = isForEver ? nil : Int(seconds)
        (renewal, rebinding) = Self.times(options, duration: Int(seconds))
    }

    /// Whether a host can have it.
    private static func isHost(_ address: IPAddress) -> Bool {
        !address.isUnspecified && !address.isMulticast && !address.isLoopback && address != .broadcast4
    }

    /// With the mask that was sent, else with that of the address's class.
    private static func network(of address: IPAddress, _ options: DHCPOptions) -> IPPrefix? {
        guard let mask = options.address(.subnetMask) else {
            let first = address.bytes[0]
            return IPPrefix(address, length: first < 128 ? 8 : first < 192 ? 16 : 24)
        }
        return IPPrefix(address, netmask: mask).flatMap { $0.length > 0 ? $0 : nil }
    }

    /// T1 and T2 as the server says, if they come one after the other and before the end, else half and 7/8 (RFC 2131,
    /// section 4.4.5).
    private static func times(_ options: DHCPOptions, duration: Int) -> (Int, Int) {
        let renewal: UInt32? = options.number(.renewalTime)
        let rebinding: UInt32? = options.number(.rebindingTime)
        let second = rebinding.map(Int.init).flatMap { (1..<duration).contains($0) ? $0 : nil } ?? duration * 7 / 8
        let first = renewal.map(Int.init).flatMap { (1...max(second, 1)).contains($0) ? $0 : nil }
        return (first ?? min(duration / 2, second), second)
    }

    /// Whether another lease gives the same, but for the time.
    public func givesTheSame(as other: DHCPLease) -> Bool {
        var other = other
        (other.start, other.duration, other.renewal, other.rebinding) = (start, duration, renewal, rebinding)
        return self == other
    }
}
