// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// An IO Module as `/v1/modules` shows it.
public struct Module: Codable, Sendable, Hashable {
    /// `m:<uuid>`, or `b:<bridge name>` for a Linux bridge.
    public var id: String
    /// The display name; not necessarily unique.
    public var name: String
    /// The module type: `bpf/forward`, `bpf/policy` or `bridge`.
    public var type: String
    /// Ids of the modules (`m:…`), bridges (`b:…`) and interfaces (`i:…`) that a policy module is applied to.
    public var tags: [String]
    /// Where a policy module is put besides.
    public var placements: [Placement]
    /// The module's ports in order; empty for a policy module.
    public var ports: [Port]
    /// Packets dropped by this module since it was created, by reason.
    public var drops: [String: UInt64]
    /// Values of the source's `const volatile` globals that were given at creation or changed later.
    public var config: [String: TypedValue]
    /// The kernel-side number that the module's code sees as `md->module_id`; 0 for a bridge.
    public var number: UInt32
    /// Warnings that clang had for the source, as it prints them; empty without.
    public var warnings: String
    /// The hooks that it can run at: `tc`, and `xdp` unless `xdp_obstacle` says why not.
    public var hooks: [String]
    public var xdpObstacle: String?
    /// Packets that its slow path got, and copies that it sent, since it was created.
    public var packetIns: UInt64
    public var copies: UInt64
    /// How often its code was replaced while it ran.
    public var generation: Int
    /// SHA-256 of its code (the C source, or the uploaded object) in hexadecimal digits; null for a bridge.
    public var code: String?

    public init(
        id: String, name: String, type: String, tags: [String], placements: [Placement] = [], ports: [Port],
        drops: [String: UInt64], config: [String: TypedValue], number: UInt32, warnings: String,
        hooks: [String] = ["tc"], xdpObstacle: String? = nil, packetIns: UInt64 = 0,
        copies: UInt64 = 0, generation: Int = 0, code: String? = nil
    ) {
        self.id = id
        self.name = name
        self.type = type
        self.tags = tags
        self.placements = placements
        self.ports = ports
        self.drops = drops
        self.config = config
        self.number = number
        self.warnings = warnings
        self.hooks = hooks
        self.xdpObstacle = xdpObstacle
        self.packetIns = packetIns
        self.copies = copies
        self.generation = generation
        self.code = code
    }

    enum CodingKeys: String, CodingKey {
        case id, name, type, tags, placements, ports, drops, config, number, warnings, hooks, copies, generation, code
        case xdpObstacle = "xdp_obstacle"
        case packetIns = "packet_ins"
    }
}

/// A place where a module sends and receives.
public struct Port: Codable, Sendable, Hashable {
    /// Numbered from 1, local to the module.
    public var number: Int
    /// What it is linked to: `<module id>/<port>` or `i:<interface name>`; null when not linked.
    public var peer: String?
    /// Packets and bytes (of the whole frame, GSO packets counted once) received by and sent from the module here.
    public var counters: PortCounters

    public init(number: Int, peer: String?, counters: PortCounters) {
        self.number = number
        self.peer = peer
        self.counters = counters
    }
}

/// Packets and bytes of a port since the module was created, summed over all CPUs.
public struct PortCounters: Codable, Sendable, Hashable {
    public var rxPackets: UInt64
    public var rxBytes: UInt64
    public var txPackets: UInt64
    public var txBytes: UInt64

    public init(rxPackets: UInt64 = 0, rxBytes: UInt64 = 0, txPackets: UInt64 = 0, txBytes: UInt64 = 0) {
        self.rxPackets = rxPackets
        self.rxBytes = rxBytes
        self.txPackets = txPackets
        self.txBytes = txBytes
    }

    enum CodingKeys: String, CodingKey {
        case rxPackets = "rx_packets"
        case rxBytes = "rx_bytes"
        case txPackets = "tx_packets"
        case txBytes = "tx_bytes"
    }
}

/// The body of `POST /v1/modules`.
public struct ModuleRequest: Codable, Sendable, Hashable {
    public var name: String
    /// `bpf/forward` or `bpf/policy`.
    public var type: String
    public var tags: [String]?
    public var placements: [Placement]?
    /// C source; exactly one of `source` and `object` is given.
    public var source: String?
    /// A file name for the source, shown in diagnostics; `module.c` without.
    public var file: String?
    /// A ready eBPF object (ELF), base64.
    public var object: String?
    /// How many ports to make at once, 0…`maxPorts`; links make further ports as they need them.
    public var ports: Int?
    /// The most ports that the module can have, 1…1000; 64 without.
    public var maxPorts: Int?
    /// Values for the source's `const volatile` globals.
    public var config: [String: TypedValue]?
    /// False leaves the per-port packet and byte counters out of the fast path; true without.
    public var counters: Bool?

    public init(
        name: String, type: String, tags: [String]? = nil, placements: [Placement]? = nil, source: String? = nil,
        file: String? = nil, object: String? = nil, ports: Int? = nil, maxPorts: Int? = nil,
        config: [String: TypedValue]? = nil, counters: Bool? = nil
    ) {
        self.name = name
        self.type = type
        self.tags = tags
        self.placements = placements
        self.source = source
        self.file = file
        self.object = object
        self.ports = ports
        self.maxPorts = maxPorts
        self.config = config
        self.counters = counters
    }

    enum CodingKeys: String, CodingKey {
        case name, type, tags, placements, source, file, object, ports, config, counters
        case maxPorts = "max_ports"
    }
}

/// The body of `PATCH /v1/modules/{id}`: what is left out stays as it is.
public struct ModuleChange: Codable, Sendable, Hashable {
    public var name: String?
    public var tags: [String]?
    public var placements: [Placement]?
    /// The whole configuration as it is to be: what it leaves out is as in a new module.
    public var config: [String: TypedValue]?

    public init(
        name: String? = nil, tags: [String]? = nil, placements: [Placement]? = nil, config: [String: TypedValue]? = nil
    ) {
        self.name = name
        self.tags = tags
        self.placements = placements
        self.config = config
    }
}

/// A bidirectional edge between two ends, as `/v1/links` shows it.
public struct Link: Codable, Sendable, Hashable {
    /// `l:<uuid>`.
    public var id: String
    public var from: LinkEnd
    public var to: LinkEnd
    /// `up`, or `pending` with the reason in `detail` (the interface vanished).
    public var state: String
    public var detail: String?
    /// Where the packets of its interface enter: `tc`, `xdp-native` or `xdp-generic`; null for a link between modules.
    public var hook: String?

    public init(id: String, from: LinkEnd, to: LinkEnd, state: String, detail: String?, hook: String? = nil) {
        self.id = id
        self.from = from
        self.to = to
        self.state = state
        self.detail = detail
        self.hook = hook
    }
}

/// One end of a link: a module's port or an external interface.
public struct LinkEnd: Codable, Sendable, Hashable {
    /// `m:<uuid>` (or a unique display name in a request), or `i:<interface name>`.
    public var node: String
    /// The module's port; null in a request takes the lowest port that is free, always null for an interface.
    public var port: Int?

    public init(node: String, port: Int? = nil) {
        self.node = node
        self.port = port
    }
}

/// The body of `POST /v1/links`.
public struct LinkRequest: Codable, Sendable, Hashable {
    public var from: LinkEnd
    public var to: LinkEnd
    /// Where the packets of the link's interface are to enter: `tc`, `xdp` (native, else generic), `xdp-native` or
    /// `xdp-generic`; null leaves it to Hover.
    public var hook: String?

    public init(from: LinkEnd, to: LinkEnd, hook: String? = nil) {
        self.from = from
        self.to = to
        self.hook = hook
    }
}

/// A Linux netdev of `hoverd`'s network namespace.
public struct Interface: Codable, Sendable, Hashable {
    /// `i:<name>`.
    public var id: String
    public var name: String
    public var index: Int
    /// Kind as the kernel names it (`veth`, `bridge`, …); empty for a physical device.
    public var kind: String
    public var up: Bool
    public var mtu: Int
    /// Link-layer address, `aa:bb:…`; empty without.
    public var address: String
    /// The bridge it is a member of.
    public var bridge: String?
    /// The link that uses it.
    public var link: String?

    public init(
        id: String, name: String, index: Int, kind: String, up: Bool, mtu: Int, address: String, bridge: String?,
        link: String?
    ) {
        self.id = id
        self.name = name
        self.index = index
        self.kind = kind
        self.up = up
        self.mtu = mtu
        self.address = address
        self.bridge = bridge
        self.link = link
    }
}

/// A kind of IO Module that `POST /v1/modules` accepts, or that the kernel brings (`bridge`).
public struct ModuleType: Codable, Sendable, Hashable {
    public var name: String
    public var summary: String
    /// False for types that cannot be created through the API.
    public var creatable: Bool
    /// JSON Schema of `config`; nil for types whose modules say themselves what they take.
    public var config: TypedValue?

    public init(name: String, summary: String, creatable: Bool, config: TypedValue? = nil) {
        self.name = name
        self.summary = summary
        self.creatable = creatable
        self.config = config
    }
}

/// A table of a module: a BPF map, typed by its BTF.
public struct Table: Codable, Sendable, Hashable {
    public var name: String
    /// The map type as the kernel's documentation names it: `hash`, `array`, `percpu_hash`, …
    public var kind: String
    public var maxEntries: UInt32
    public var keySize: Int
    public var valueSize: Int
    public var key: TypeShape
    public var value: TypeShape
    public var perCPU: Bool
    /// The kernel's id of the map, as `bpftool map show id N` takes it.
    public var mapID: UInt32

    public init(
        name: String, kind: String, maxEntries: UInt32, keySize: Int, valueSize: Int, key: TypeShape, value: TypeShape,
        perCPU: Bool, mapID: UInt32
    ) {
        self.name = name
        self.kind = kind
        self.maxEntries = maxEntries
        self.keySize = keySize
        self.valueSize = valueSize
        self.key = key
        self.value = value
        self.perCPU = perCPU
        self.mapID = mapID
    }

    enum CodingKeys: String, CodingKey {
        case name, kind, key, value
        case maxEntries = "max_entries"
        case keySize = "key_size"
        case valueSize = "value_size"
        case perCPU = "per_cpu"
        case mapID = "map_id"
    }
}

/// An entry of a table.
public struct TableEntry: Codable, Sendable, Hashable {
    public var key: TypedValue
    /// For a per-CPU table, numbers summed over all CPUs; what has no sum is the first CPU's.
    public var value: TypedValue
    /// One value per possible CPU, for per-CPU tables only.
    public var perCPU: [TypedValue]?

    public init(key: TypedValue, value: TypedValue, perCPU: [TypedValue]? = nil) {
        self.key = key
        self.value = value
        self.perCPU = perCPU
    }

    enum CodingKeys: String, CodingKey {
        case key, value
        case perCPU = "per_cpu"
    }
}

/// A page of a table's entries, in the kernel's order.
public struct TablePage: Codable, Sendable, Hashable {
    public var entries: [TableEntry]
    /// The key to pass as `after` to get the next page; null on the last one.
    public var next: TypedValue?

    public init(entries: [TableEntry], next: TypedValue?) {
        self.entries = entries
        self.next = next
    }
}

/// What `GET /v1/version` answers.
public struct Version: Codable, Sendable, Hashable {
    public var version: String
    public var kernel: String

    public init(version: String, kernel: String) {
        self.version = version
        self.kernel = kernel
    }
}

/// An error as `application/problem+json` (RFC 9457), with Hover's extension members.
public struct Problem: Codable, Sendable, Hashable, Error {
    /// `about:blank` or `urn:hover:problem:<kind>` (`compile`, `verifier`, `not-found`, `conflict`, `stale`, …).
    public var type: String
    public var title: String
    public var status: Int
    /// What was wrong with which object, and the next step.
    public var detail: String
    /// Compiler or verifier messages with their places.
    public var diagnostics: [Diagnostic]?
    /// The compiler's output as it printed it, or the verifier's whole log.
    public var log: String?
    /// A JSON pointer (RFC 6901) to the part of the request that is refused: `/modules/3/config/limit`.
    public var pointer: String?

    public init(
        type: String, title: String, status: Int, detail: String, diagnostics: [Diagnostic]? = nil, log: String? = nil,
        pointer: String? = nil
    ) {
        self.type = type
        self.title = title
        self.status = status
        self.detail = detail
        self.diagnostics = diagnostics
        self.log = log
        self.pointer = pointer
    }
}

/// One message of clang or of the kernel's verifier.
public struct Diagnostic: Codable, Sendable, Hashable {
    public var file: String
    public var line: Int
    public var column: Int
    /// `error`, `warning` or `note`.
    public var severity: String
    public var message: String

    public init(file: String, line: Int, column: Int, severity: String, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.severity = severity
        self.message = message
    }
}
