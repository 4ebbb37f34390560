// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// The kinds of module that Hover knows in this version.
public enum ModuleKind: String, Sendable, Hashable, CaseIterable, Codable {
    /// Has ports; decides with every packet which port it leaves by.
    case forward = "bpf/forward"
    /// Transparent, no ports; lies on the links that its tags name, and where it is placed.
    case policy = "bpf/policy"
    /// A Linux bridge of the kernel's, present as `b:<name>`, read only.
    case bridge = "bridge"

    /// One sentence for `get types`.
    public var summary: String {
        switch self {
        case .forward: "a module with ports, from C source or an eBPF object; links connect its ports"
        case .policy: "a transparent module on the links around what its tags name, and where it is placed"
        case .bridge: "a Linux bridge of this host; policies may tag it"
        }
    }
}

/// What a module is made of, as `Controller.createModule` takes it.
public struct ModuleSpecification: Sendable {
    /// Where the module's code comes from.
    public enum Code: Sendable, Hashable {
        /// C source and the file name that diagnostics show for it.
        case source(String, file: String)
        /// A ready eBPF object file (ELF).
        case object([UInt8])
        /// The built-in type of this name, which also says what kind of module it is.
        case builtIn(String)
    }

    public var name: String
    public var kind: ModuleKind
    public var tags: [String]
    /// Where to put a policy besides.
    public var placements: [PlacementRequest]
    public var code: Code
    /// Ports to make at once.
    public var ports: Int
    /// The most ports that the module can have, 1…1000; nil leaves it to the type, which is 64 for uploaded ones.
    public var maxPorts: Int?
    /// Values for `const volatile` globals.
    public var config: [String: TypedValue]
    /// Whether the fast path counts packets and bytes per port.
    public var counters: Bool

    public init(
        name: String, kind: ModuleKind, tags: [String] = [], placements: [PlacementRequest] = [], code: Code,
        ports: Int = 0, maxPorts: Int? = nil, config: [String: TypedValue] = [:], counters: Bool = true
    ) {
        self.name = name
        self.kind = kind
        self.tags = tags
        self.placements = placements
        self.code = code
        self.ports = ports
        self.maxPorts = maxPorts
        self.config = config
        self.counters = counters
    }
}

/// A module as it stands, with its counters read from the kernel.
public struct ModuleState: Sendable, Hashable {
    /// `m:<uuid>` or `b:<bridge>`.
    public var id: String
    public var name: String
    public var kind: ModuleKind
    /// The built-in type that it is of; nil for one that was uploaded, and for bridges.
    public var builtIn: String?
    public var tags: [String]
    public var placements: [PlacementRecord]
    public var ports: [PortState]
    /// Packets dropped by reason.
    public var drops: [String: UInt64]
    public var config: [String: TypedValue]
    /// `md->module_id`; 0 for a bridge.
    public var number: UInt32
    /// Clang's warnings for the source, as printed.
    public var warnings: String
    /// The C source; nil for a module made from an object, and for bridges.
    public var source: String?
    /// Packets that its slow path got.
    public var packetIns: UInt64 = 0
    /// Copies that it sent.
    public var copies: UInt64 = 0
    /// Why it cannot run at xdp; nil when it can.
    public var unfitForXDP: String?
    /// The digest of its code; nil for a bridge.
    public var code: String?
    /// How often its code or configuration was exchanged while it ran.
    public var generation = 0
}

/// A port as it stands.
public struct PortState: Sendable, Hashable {
    public var number: Int
    /// What the port is linked to; nil when not linked.
    public var peer: Endpoint?
    public var rxPackets: UInt64
    public var rxBytes: UInt64
    public var txPackets: UInt64
    public var txBytes: UInt64
}

/// One end of a link.
public enum Endpoint: Sendable, Hashable, Codable {
    /// A port of the module with this id.
    case port(module: String, number: Int)
    /// The external interface of this name.
    case interface(String)

    /// `m:<uuid>` or `i:<name>`.
    public var node: String {
        switch self {
        case .port(let module, _): module
        case .interface(let name): "i:" + name
        }
    }

    /// The module's port; nil for an interface.
    public var port: Int? {
        switch self {
        case .port(_, let number): number
        case .interface: nil
        }
    }
}

/// A link as it stands.
public struct LinkState: Sendable, Hashable {
    /// `l:<uuid>`.
    public var id: String
    public var from: Endpoint
    public var to: Endpoint
    /// Why no packet crosses the link at present (an interface is gone); nil when it is up.
    public var pending: String?
    /// Where the packets of its interface enter; nil for a link between modules.
    public var hook: LinkHook?
}

/// A Linux bridge and one of its members: an edge that the kernel forwards over, and that policies apply to.
public struct BridgeMember: Sendable, Hashable {
    public var bridge: String
    public var interface: String
}

/// A netdev of this network namespace as Hover sees it.
public struct InterfaceState: Sendable, Hashable {
    public var name: String
    public var index: Int
    public var kind: String
    public var isUp: Bool
    public var mtu: Int
    public var address: String
    public var bridge: String?
    /// The id of the link that uses the interface.
    public var link: String?
}

/// A table of a module, with the layout of its keys and values.
public struct TableState: Sendable, Hashable {
    public var name: String
    /// `hash`, `array`, `percpu_hash`, … as the kernel's documentation names them.
    public var kind: String
    public var maxEntries: UInt32
    public var key: TypeShape
    public var value: TypeShape
    public var isPerCPU: Bool
    /// The kernel's map id.
    public var mapID: UInt32
}

/// An entry of a table, in bytes that `TableState.key` and `.value` describe.
public struct RawEntry: Sendable, Hashable {
    public var key: [UInt8]
    /// One value, or one per possible CPU for per-CPU tables.
    public var values: [[UInt8]]

    public init(key: [UInt8], values: [[UInt8]]) {
        self.key = key
        self.values = values
    }
}

/// One end of a link as a request names it.
public struct EndpointRequest: Sendable, Hashable {
    /// A module's id or unique display name, or `i:<interface name>`.
    public var node: String
    /// The module's port; nil takes the lowest free one.
    public var port: Int?

    public init(node: String, port: Int? = nil) {
        // The kernel's addresses are in lowercase.
        self.node = node.hasPrefix("i:mac=") ? node.lowercased() : node
        self.port = port
    }

    /// As `hoverctl` takes it.
    var text: String { port.map { "\(node):\($0)" } ?? node }
}
