// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

extension AdvertisementConfig {
    /// A router advertisement of a port (RFC 4861, section 4.2).
    ///
    /// - Parameters:
    ///   - prefixes: what hosts may use.
    ///   - isLast: the port advertises no more, so hosts are to look for another router.
    func message(with prefixes: [AdvertisedPrefix], mac: MACAddress, isLast: Bool = false) -> ICMPMessage {
        let flags = (isManaged ? 0x80 : 0) | (hasOther ? 0x40 : 0)
        let word = UInt32(hopLimit) << 24 | UInt32(flags) << 16 | UInt32(isLast ? 0 : lifetime)
        // Reachable time and retransmission time: unspecified.
        var body = [UInt8](repeating: 0, count: 8)
        body += DiscoveryOption.bytes(DiscoveryOption.sourceAddress, mac.bytes)
        if let mtu {
            body += DiscoveryOption.bytes(DiscoveryOption.mtu, StructureBytes().be16(0).be32(mtu).bytes)
        }
        for prefix in prefixes { body += prefix.option }
        // The lifetime that RFC 8106, section 5.1, proposes.
        let known = isLast ? 0 : 3 * interval
        if !nameServers.isEmpty {
            body += DiscoveryOption.bytes(
                DiscoveryOption.nameServers,
                StructureBytes().be16(0).be32(known).bytes(nameServers.flatMap(\.bytes)).bytes)
        }
        if !searchList.isEmpty {
            body += DiscoveryOption.bytes(
                DiscoveryOption.searchList,
                StructureBytes().be16(0).be32(known).bytes(searchList.flatMap(Self.labels)).bytes)
        }
        return ICMPMessage(type: RouterAdvertisement.type, word: word, body: body)
    }

    /// A domain name as DNS writes it (RFC 1035, section 3.1).
    private static func labels(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }
}

extension PortPlan {
    /// The prefixes that the configuration has it advertise.
    var advertisedPrefixes: [AdvertisedPrefix] {
        advertisements?.prefixes ?? addresses.filter { !$0.isIPv4 }.map(AdvertisedPrefix.init)
    }
}

extension AdvertisedPrefix {
    /// RFC 4861, section 4.6.2.
    fileprivate var option: [UInt8] {
        let flags = (isOnLink ? 0x80 : 0) | (isAutonomous ? 0x40 : 0)
        return DiscoveryOption.bytes(
            DiscoveryOption.prefix,
            StructureBytes().u8(prefix.length).u8(flags).be32(validLifetime).be32(preferredLifetime).be32(0)
                .bytes(prefix.network.bytes).bytes)
    }
}

/// When a port advertises (RFC 4861, sections 6.2.4 and 6.2.6); times in nanoseconds.
struct AdvertisementSchedule: Sendable {
    private static let second: UInt64 = 1_000_000_000
    /// Seconds.
    let interval: Int
    /// The first ones come faster, so that hosts learn soon of a router that begins.
    private var begun = 0
    private var last: UInt64?
    /// When the next one is due.
    private(set) var due: UInt64

    init(interval: Int, at now: UInt64) {
        self.interval = interval
        due = now
    }

    /// One was sent to all.
    ///
    /// - Parameter random: 0 to 1.
    mutating func sent(at now: UInt64, random: Double) {
        last = now
        begun += 1
        let most = Double(interval) * Double(Self.second)
        var pause = most / 3 + most * 2 / 3 * random
        if begun <= 3 { pause = min(pause, Double(16 * Self.second)) }
        due = now + UInt64(pause)
    }

    /// Somebody asks, who has no address to be answered at: all are told, but three seconds apart.
    mutating func asked(at now: UInt64) {
        due = min(due, max(now, (last ?? 0) + (last == nil ? 0 : 3 * Self.second)))
    }
}
