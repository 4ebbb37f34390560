// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import Netlink
import TypedValue

/// A module as the controller keeps it.
struct ModuleRecord: Sendable, Hashable, Codable {
    var id: String
    /// Unique while `hoverd` runs; also the order in which tags put policies on a link.
    var number: UInt32
    var name: String
    var kind: ModuleKind
    /// The name of the built-in type that it is of; nil for one that was uploaded.
    var type: String?
    var tags: [String]
    /// A policy's; the order in which they were asked for.
    var placements: [PlacementRecord] = []
    /// The name of its code in the store.
    var code: String
    /// How often its code or configuration was exchanged.
    var generation = 0
    /// Whether the fast path counts packets and bytes per port.
    var hasCounters = true
    var source: String?
    var warnings: String
    var config: [String: TypedValue]
    /// What the configuration of a built-in type means; it follows from `config`, and is not kept.
    var setup: ModuleSetup?
    var maxPort: Int
    /// The ports that have a program, ascending.
    var ports: [Int]
    var tables: [ModuleTable]
    /// What it may send to its slow path.
    var slowPathLimits = SlowPathLimits()
    /// Why it cannot run at xdp; nil when it can.
    var unfitForXDP: String?
    /// Whether it is loaded at xdp too, because packets reach it there.
    var isAtXDP = false
    /// Whether a manifest named it, so that one that no longer does can remove it.
    var isOfManifest = false

    /// Its source and clang's warnings are kept with the code.
    enum CodingKeys: String, CodingKey {
        case id, number, name, kind, type, tags, placements, code, generation, hasCounters, config, maxPort, ports,
            tables
        case slowPathLimits, unfitForXDP, isAtXDP, isOfManifest
    }
}

extension ModuleRecord {
    init(from decoder: any Decoder) throws {
        let row = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            id: try row.decode(String.self, forKey: .id), number: try row.decode(UInt32.self, forKey: .number),
            name: try row.decode(String.self, forKey: .name), kind: try row.decode(ModuleKind.self, forKey: .kind),
            type: try row.decodeIfPresent(String.self, forKey: .type),
            tags: try row.decode([String].self, forKey: .tags),
            placements: try row.decode([PlacementRecord].self, forKey: .placements),
            code: try row.decode(String.self, forKey: .code),
            generation: try row.decode(Int.self, forKey: .generation),
            hasCounters: try row.decode(Bool.self, forKey: .hasCounters), source: nil, warnings: "",
            config: try row.decode([String: TypedValue].self, forKey: .config),
            maxPort: try row.decode(Int.self, forKey: .maxPort), ports: try row.decode([Int].self, forKey: .ports),
            tables: try row.decode([ModuleTable].self, forKey: .tables),
            slowPathLimits: try row.decode(SlowPathLimits.self, forKey: .slowPathLimits),
            unfitForXDP: try row.decodeIfPresent(String.self, forKey: .unfitForXDP),
            isAtXDP: try row.decode(Bool.self, forKey: .isAtXDP),
            isOfManifest: try row.decode(Bool.self, forKey: .isOfManifest))
    }
}

extension ModuleRecord {
    /// What requests call its type.
    var typeName: String { type ?? kind.rawValue }

    /// What its programs are loaded from.
    func image(reading read: @escaping Model.CodeReader) -> ModuleImage {
        let code = ModuleCode(id: code) { [id = code] () throws(DataplaneError) in try read(id) }
        return ModuleImage(
            code: code, generation: generation, number: number, isPolicy: kind == .policy, maxPort: maxPort,
            config: setup?.constants ?? config, sizes: setup?.sizes ?? [:])
    }
}

/// A link as the controller keeps it.
struct LinkRecord: Sendable, Hashable, Codable {
    var id: String
    /// The order in which links are shown.
    var number: Int
    var from: Endpoint
    var to: Endpoint
    /// Where packets of the link's interface are to enter; nil leaves it to Hover.
    var hook: LinkHook?
    /// Whether a manifest named it.
    var isOfManifest = false
}

/// Where the packets of an interface enter a chain, as a request says it.
public enum LinkHook: String, Sendable, Hashable, CaseIterable, Codable {
    case tc
    /// Native, where the driver can; otherwise generic.
    case xdp
    case nativeXDP = "xdp-native"
    case genericXDP = "xdp-generic"

    /// Nil leaves it to the driver.
    var mode: XDPMode? {
        switch self {
        case .nativeXDP: .native
        case .genericXDP: .generic
        case .tc, .xdp: nil
        }
    }
}

/// A netdev, and what Hover must know besides to send to it.
struct InterfaceRecord: Sendable, Hashable {
    var interface: NetworkInterface
    /// The address of a veth's peer in another network namespace, once it was asked for.
    var peerAddress: [UInt8]?
    /// The device on its bus, like `0000:00:03.0`; nil for one that is made of software.
    var device: String?

    var index: Int { Int(interface.index) }

    /// What links may call it: its name; or, whatever that is, `mac=…` for its address, or `path=…` for its device.
    var names: [String] {
        [interface.name] + (interface.address.isEmpty ? [] : ["mac=" + interface.address])
            + (device.map { ["path=" + $0] } ?? [])
    }
}

/// One direction of something that packets cross.
enum Edge: Sendable, Hashable, Codable {
    /// A link, from `from` to `to` or the other way.
    case link(String, reversed: Bool)
    /// An interface without a link: from it (`ingress`) or to it (`egress`), on the other side the Linux bridge that it
    /// is a member of, or else this host.
    case member(interface: Int, HookDirection)
}

/// One place where a policy lies.
struct Hop: Sendable, Hashable, Codable {
    var policy: String
    var handler: PolicyHandler
    /// The number of the policy's program for this place, and of the slot that leads on from it.
    var instance: Int

    var target: Target { .hop(policy: policy, instance: instance) }
    var slot: Slot { .hop(policy: policy, instance: instance) }
}

/// What the packets of an edge run through: from a slot, through policies, to a program.
struct Chain: Sendable, Hashable {
    var head: Slot
    var hops: [Hop]
    var terminal: Target

    var first: Target { hops.first?.target ?? terminal }
    /// The slot that leads to the terminal.
    var last: Slot { hops.last?.slot ?? head }
}

/// A slot and what it leads to.
struct Way: Sendable, Hashable {
    var slot: Slot
    var target: Target
}

/// The programs that an interface has at present.
struct Attachment: Sendable, Hashable {
    var peer: [UInt8]?
    var hooks: Set<HookDirection>
    /// Whether it is to receive frames for all stations.
    var isPromiscuous = false
    /// Whether it has xdp programs.
    var hasXDP = false
    /// Whether its packets enter at xdp.
    var isHookedAtXDP = false
    /// How they are to; nil leaves it to the driver.
    var xdpMode: XDPMode?
}

/// A row of the model: what a change sets, and what a store would keep. Nil removes it.
enum Record: Sendable, Hashable {
    case module(String, ModuleRecord?)
    case link(String, LinkRecord?)
    case interface(Int, InterfaceRecord?)
    case chain(Edge, Chain?)
    case attachment(Int, Attachment?)
}

/// Which row it is, whatever is in it.
enum RowID: Sendable, Hashable {
    case module(String), link(String), interface(Int), chain(Edge), attachment(Int)
}

extension Record {
    var id: RowID {
        switch self {
        case .module(let id, _): .module(id)
        case .link(let id, _): .link(id)
        case .interface(let index, _): .interface(index)
        case .chain(let edge, _): .chain(edge)
        case .attachment(let index, _): .attachment(index)
        }
    }
}
