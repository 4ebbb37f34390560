// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// Translates single IPv4 addresses, and whole prefixes of IPv4 and IPv6, one to one.
public struct OneToOneNATType: ModuleType {
    public init() {}

    public let name = "onetoonenat"
    public let summary = "translates addresses and prefixes one to one between port 1, the inside, and port 2"
    public let maxPorts = 2
    public let hasSlowPath = true
    public var objects: ModuleObjects { OnetoonenatCode.objects }

    /// What becomes of packets whose addresses nothing stands for.
    enum Unmatched: String, CaseIterable {
        case pass, drop
    }

    /// The most addresses, and the most prefixes.
    static let most = 65_536

    /// Tells the router behind port 1 which addresses are translated here: it answers ARP for them outside.
    public func run(_ module: any RunningModule) async throws {
        for await value in await module.configurations() {
            let outside = try Self.pairs(ConfigReader(value)).map(\.outside).filter(\.isIPv4)
            await module.publish(PublishedAddresses(translated: outside), port: 1)
        }
    }

    private static func pairs(_ config: ConfigReader) throws(ConfigError) -> [AddressPair] {
        let entries = try config.value(
            "nat_entries", .list(of: .object(AddressPair.entry)), default: [],
            "inside addresses of IPv4, and which address outside stands for each")
        let prefixes = try config.value(
            "prefixes", .list(of: .object(AddressPair.prefix)), default: [],
            "the same for prefixes, of IPv4 or IPv6; IPv6 is translated as RFC 6296 says (NPTv6)")
        return entries + prefixes
    }

    public func setup(_ config: ConfigReader) throws(ConfigError) -> ModuleSetup {
        let pairs = try Self.pairs(config)
        let unmatched = try config.value(
            "unmatched", .choice, default: Unmatched.pass,
            "whether packets pass that have no address which another one stands for")
        guard pairs.count <= Self.most else {
            throw ConfigError(
                pointer: "/nat_entries", "\(pairs.count) pairs are too many, \(Self.most) can be: use prefixes")
        }
        try check(pairs)
        return setup(pairs, unmatched)
    }

    /// Nothing may stand for two, and for nothing two.
    private func check(_ pairs: [AddressPair]) throws(ConfigError) {
        try check(pairs.map { ($0.inside, $0.insidePointer) })
        try check(pairs.map { ($0.outside, $0.outsidePointer) })
    }

    /// Prefixes overlap if one contains the other's first address: so each is looked for by all lengths there are.
    private func check(_ prefixes: [(prefix: IPPrefix, pointer: String)]) throws(ConfigError) {
        var seen: [IPPrefix: String] = [:]
        let lengths = Set(prefixes.map(\.prefix.length))
        for (prefix, pointer) in prefixes.sorted(by: { $0.prefix.length < $1.prefix.length }) {
            for length in lengths where length <= prefix.length {
                guard let wider = IPPrefix(prefix.network, length: length)?.networkPrefix, let other = seen[wider]
                else {
                    continue
                }
                throw ConfigError(
                    pointer: pointer,
                    "\(prefix.text) is translated by \(other.dropFirst()) already: name it in one place")
            }
            seen[prefix.networkPrefix] = pointer
        }
    }

    private func setup(_ pairs: [AddressPair], _ unmatched: Unmatched) -> ModuleSetup {
        let prefixes4 = pairs.filter { $0.inside.isIPv4 && !$0.isSingle }
        let prefixes6 = pairs.filter { !$0.inside.isIPv4 }
        let singles = pairs.filter(\.isSingle)
        return ModuleSetup(
            constants: [
                "has_entries": .bool(!singles.isEmpty), "has_prefixes4": .bool(!prefixes4.isEmpty),
                "has_prefixes6": .bool(!prefixes6.isEmpty), "passes_unmatched": .bool(unmatched == .pass),
            ],
            tables: [
                Self.entries(singles),
                Self.table("inside_prefixes4", prefixes4.map { ($0.inside, Self.other4($0.outside)) }),
                Self.table("outside_prefixes4", prefixes4.map { ($0.outside, Self.other4($0.inside)) }),
                Self.table("inside_prefixes6", prefixes6.map { ($0.inside, Self.other6($0.outside, $0.adjustment)) }),
                Self.table("outside_prefixes6", prefixes6.map { ($0.outside, Self.other6($0.inside, ~$0.adjustment)) }),
            ],
            ports: [ConfiguredPort(number: 1), ConfiguredPort(number: 2)])
    }

    /// `struct entry_key` and the address on the other side.
    private static func entries(_ pairs: [AddressPair]) -> ConfiguredTable {
        var entries: [[UInt8]: [UInt8]] = [:]
        for pair in pairs {
            entries[StructureBytes().bytes(pair.inside.address.bytes).u32(1).bytes] = pair.outside.address.bytes
            entries[StructureBytes().bytes(pair.outside.address.bytes).u32(2).bytes] = pair.inside.address.bytes
        }
        return ConfiguredTable("entries", entries: entries)
    }

    private static func table(_ name: String, _ entries: [(prefix: IPPrefix, other: [UInt8])]) -> ConfiguredTable {
        let pairs = entries.map {
            (StructureBytes().u32($0.prefix.length).bytes($0.prefix.network.bytes).bytes, $0.other)
        }
        return ConfiguredTable(name, entries: Dictionary(pairs) { first, _ in first })
    }

    /// `struct other4`.
    private static func other4(_ other: IPPrefix) -> [UInt8] {
        StructureBytes().bytes(other.network.bytes).bytes(hostMask(of: other)).bytes
    }

    /// `struct other6`.
    private static func other6(_ other: IPPrefix, _ adjustment: UInt16) -> [UInt8] {
        StructureBytes().bytes(other.network.bytes.prefix(8)).bytes(hostMask(of: other).prefix(8)).be16(adjustment)
            .u8(other.length <= 48 ? 1 : 0).zeros(5).bytes
    }

    /// 1 where the prefix leaves a bit.
    private static func hostMask(of prefix: IPPrefix) -> [UInt8] {
        zip(prefix.last.bytes, prefix.network.bytes).map { $0 ^ $1 }
    }

    public func state(of module: any RunningModule, limit: Int) async throws -> [String: TypedValue] {
        var drops: [String: TypedValue] = [:]
        // `enum reason`, in its order.
        for (index, reason) in ["malformed", "unmatched", "unmappable", "failed"].enumerated() {
            let bytes = try await module.value(of: StructureBytes().u32(index).bytes, in: "drops") ?? []
            var reader = StructureReader(bytes)
            // One number for each CPU.
            drops[reason] = TypedValue((0..<bytes.count / 8).reduce(UInt64(0)) { sum, _ in sum &+ reader.u64() })
        }
        return ["drops": .object(drops)]
    }
}

extension IPPrefix {
    /// Of one address without the length.
    fileprivate var text: String { length == network.bytes.count * 8 ? "\(network)" : "\(self)" }
}
