// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// What the provider behind a port has given: the way out for IPv6, and a prefix.
struct Provision: Sendable, Hashable {
    /// The default router, a link-local address.
    var gateway: IPAddress?
    var delegation: PrefixDelegation?
    /// The message that gave the prefix, of which it is made again.
    var message: [UInt8] = []

    /// Routes of a port that has it. What is not delegated further is nowhere (RFC 7084, WPD-5).
    func routes(port: Int) -> [IPPrefix: Route] {
        var routes: [IPPrefix: Route] = [:]
        if let gateway, let all = IPPrefix(.any6, length: 0) {
            routes[all] = .hops([Hop(gateway: gateway, port: port)])
        }
        if let delegation { routes[delegation.prefix] = .unreachable }
        return routes
    }
}

// Over the end of `hoverd`, and a reboot.
extension Provision {
    private static let prefixSize = 20

    /// - Parameters:
    ///   - now: milliseconds of the clock of its lifetimes.
    ///   - wall: milliseconds of the clock that a reboot does not begin anew.
    func bytes(now: Int, wall: UInt64) -> [UInt8] {
        let age = UInt64(max(now - (delegation?.start ?? now), 0))
        // Of several prefixes in the message the one that is used, as a key of a table of routes.
        let prefix = delegation?.prefix.key ?? [UInt8](repeating: 0, count: Self.prefixSize)
        return StructureBytes().bytes((gateway ?? .any6).bytes).u64(wall - min(age, wall)).bytes(prefix).bytes(message)
            .bytes
    }

    init(bytes: [UInt8], now: Int, wall: UInt64) {
        var reader = StructureReader(bytes)
        gateway = IPAddress(bytes: reader.bytes(16)).flatMap { $0.isUnspecified ? nil : $0 }
        let began = reader.u64()
        let current = IPPrefix(key: reader.bytes(Self.prefixSize))
        message = Array(bytes.dropFirst(24 + Self.prefixSize))
        // A clock that went back says nothing of the time since.
        let start = now - (wall > began ? Int(clamping: wall - began) : 0)
        delegation = (try? DHCPv6Message(message)).flatMap { PrefixDelegation($0, start: start, current: current) }
        if let end = delegation?.end, end <= now { delegation = nil }
    }

    static func memoryKey(_ port: Int) -> [UInt8] { Array("provider-\(port)".utf8) }

    /// Those of all ports that have a provider.
    static func remembered(by module: any RunningModule, _ plan: RouterPlan) async throws -> [Int: Provision] {
        let ports = plan.ports.filter(\.hasProvider).map(\.number)
        guard !ports.isEmpty else { return [:] }
        let memory = try await module.memory()
        return ports.reduce(into: [:]) { provisions, port in
            provisions[port] = memory[memoryKey(port)].map {
                Provision(bytes: $0, now: RouterSlowPath.sinceBoot, wall: RouterSlowPath.wallClock)
            }
        }
    }
}

/// Another router's advertisement, as far as this one heeds it (RFC 4861, section 4.2).
struct RouterAdvertisement: Sendable, Hashable {
    /// Types of ICMPv6.
    static let solicitationType: UInt8 = 133
    static let type: UInt8 = 134

    /// Seconds for which it is a default router.
    var lifetime: Int

    /// Nil for what is void (RFC 4861, section 6.1.2).
    init?(_ message: ICMPMessage, from source: IPAddress) {
        guard message.type == Self.type, message.code == 0, source.isLinkLocal, message.body.count >= 8,
            DiscoveryOption.split(message.body.dropFirst(8)) != nil
        else { return nil }
        lifetime = Int(message.word & 0xffff)
    }
}

/// Who finds out what the provider behind one port gives; times in milliseconds.
struct ProviderClient: Sendable {
    /// RFC 4861, section 10, and what RFC 7559, section 2, makes of it where nobody answers.
    private static let solicitationInterval = 4000
    private static let longestInterval = 3_600_000
    /// As long as a router that is only remembered counts: for three solicitations.
    private static let grace = 3 * solicitationInterval

    /// Who says that there are more does so to fill the memory.
    private static let mostRouters = 16

    let mac: MACAddress
    var prefixes: PrefixClient
    /// Routers that offer themselves, and until when.
    private var routers: [IPAddress: Int] = [:]
    /// Whether one of them was heard.
    private var hasHeard = false
    private var solicitations = 0
    private var solicitDue: Int?

    init(mac: MACAddress, remembering gateway: IPAddress?, now: Int) {
        self.mac = mac
        prefixes = PrefixClient(
            identifier: DHCPv6Message.identifier(of: mac), random: SystemRandomNumberGenerator())
        solicitDue = now
        if let gateway { routers[gateway] = now + Self.grace }
    }

    /// The router to use: the one that was used, as long as it offers itself.
    func gateway(after old: IPAddress?) -> IPAddress? {
        old.flatMap { routers[$0] == nil ? nil : $0 } ?? routers.keys.min()
    }

    /// A router says for how many seconds it is one; 0: it is none.
    mutating func hear(_ router: IPAddress, lifetime: Int, now: Int) {
        guard routers[router] != nil || routers.count < Self.mostRouters else { return }
        routers[router] = lifetime == 0 ? nil : now + lifetime * 1000
        guard lifetime > 0 else { return }
        hasHeard = true
        solicitDue = nil
    }

    /// Forgets routers whose time is over.
    ///
    /// - Returns: whether routers are to be asked for.
    mutating func advance(to now: Int) -> Bool {
        routers = routers.filter { $0.value > now }
        if routers.isEmpty, hasHeard {
            hasHeard = false
            solicitations = 0
            solicitDue = now
        }
        guard let due = solicitDue, due <= now else { return false }
        solicitDue = now + min(Self.solicitationInterval << min(max(solicitations - 2, 0), 10), Self.longestInterval)
        solicitations += 1
        return true
    }
}
