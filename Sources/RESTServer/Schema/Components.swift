// SPDX-License-Identifier: Apache-2.0

import Controller
import HoverAPI
import TypedValue

/// The schemas of all wire types, by the types' names.
enum Components {
    /// A wire type's schema with what it is.
    struct Component: Sendable {
        var name: String
        var description: String
        var schema: Schema

        init(_ type: (some Any).Type, _ description: String, _ schema: Schema) {
            name = "\(type)"
            self.description = description
            self.schema = schema
        }
    }

    static let all = modules + links + topology + tables + packets + state + system + shapes

    static let schemas = Dictionary(all.map { ($0.name, $0.schema) }) { first, _ in first }

    private static let modules = [
        Component(
            Module.self, "An IO Module, or a Linux bridge of this host.",
            .object([
                .required("id", .string, "`m:<uuid>`, or `b:<bridge name>` for a Linux bridge."),
                .required("name", .string, "The display name; not necessarily unique."),
                .required("type", .string, "The module type; `/v1/types` lists them."),
                .required(
                    "tags", .array(of: .string),
                    "What a policy module is applied to: ids of modules (`m:…`), bridges (`b:…`), interfaces (`i:…`)."),
                .required("placements", .array(of: .of(Placement.self)), "Where a policy module is put besides."),
                .required("ports", .array(of: .of(Port.self)), "Its ports in order; none for a policy module."),
                .required("drops", .map(of: .uint64), "Packets that it dropped since its creation, by reason."),
                .required(
                    "config", .map(of: .any), "The values of `const volatile` globals that were given at creation."),
                .required("number", .uint32, "The number that its code sees as `md->module_id`; 0 for a bridge."),
                .required("warnings", .string, "clang's warnings for the source, as printed; empty without."),
                .required("hooks", .array(of: .string(choices: ["tc", "xdp"])), "The hooks that it can run at."),
                .optional("xdp_obstacle", .string, "Why it cannot run at xdp; left out when it can."),
                .required("packet_ins", .uint64, "Packets that its slow path got since its creation."),
                .required("copies", .uint64, "Copies of packets that it sent since its creation."),
                .required("generation", .count, "How often its code was replaced while it ran."),
                .optional("code", .string, "SHA-256 of its code in hexadecimal digits; left out for a bridge."),
            ])),
        Component(
            Port.self, "A place where a module sends and receives.",
            .object([
                .required("number", .integer(1...1000), "Numbered from 1, local to the module."),
                .optional("peer", .string, "`<module id>/<port>` or `i:<interface>`; left out when not linked."),
                .required("counters", .of(PortCounters.self), "What crossed it since the module's creation."),
            ])),
        Component(
            PortCounters.self, "Packets and bytes of a port, summed over all CPUs. GSO packets count once.",
            .object([
                .required("rx_packets", .uint64, "Packets that the module received here."),
                .required("rx_bytes", .uint64, "Bytes of the whole frames that it received here."),
                .required("tx_packets", .uint64, "Packets that the module sent here."),
                .required("tx_bytes", .uint64, "Bytes of the whole frames that it sent here."),
            ])),
        Component(
            ModuleRequest.self, "A module to be made. It has exactly one of `source` and `object`.",
            .object([
                .required("name", .string, "The display name, 1 to 128 bytes."),
                .required("type", .string, "The module type; `/v1/types` lists them."),
                .optional(
                    "tags", .array(of: .string),
                    "Of a policy: modules by id or name, `b:<bridge>`, `i:<interface>`. Of others: any labels."),
                .optional("placements", .array(of: .of(Placement.self)), "Of a policy: where to put it besides."),
                .optional("source", .string, "C source, at most 1 MiB."),
                .optional("file", .string, "The source's file name in diagnostics; `module.c` without."),
                .optional("object", .base64, "A ready eBPF object file (ELF)."),
                .optional("ports", .integer(0...1000), "How many ports to make at once; 0 without."),
                .optional("max_ports", .integer(1...1000), "The most ports that it can have; 64 without."),
                .optional("config", .map(of: .any), "Values for `const volatile` globals, by name."),
                .optional("counters", .boolean, "False leaves counting per port out of the fast path; true without."),
            ])),
        Component(
            ModuleChange.self, "What to change of a module; what is left out stays.",
            .object([
                .optional("name", .string, "The display name, 1 to 128 bytes."),
                .optional("tags", .array(of: .string), "As in ModuleRequest, all of them."),
                .optional(
                    "placements", .array(of: .of(Placement.self)),
                    "As in ModuleRequest, all of them. One that the module has already keeps its place."),
                .optional(
                    "config", .map(of: .any),
                    "As in ModuleRequest, all of them. It is exchanged while packets go through the module."),
            ])),
        Component(
            CodeRequest.self, "Code for a module. It has exactly one of `source` and `object`.",
            .object([
                .optional("source", .string, "C source, at most 1 MiB."),
                .optional("file", .string, "The source's file name in diagnostics; `module.c` without."),
                .optional("object", .base64, "A ready eBPF object file (ELF)."),
            ])),
        Component(
            Placement.self,
            "An explicit place of a policy, among those on the same way. It has at most one of `at`, `before`, `after`.",
            .object([
                .required("node", .string, "A module, or `i:<interface name>`."),
                .optional("port", .integer(1...1000), "The module's port. An interface has none."),
                .optional(
                    "direction", .string(choices: Direction.allCases.map(\.rawValue)),
                    "What the port or interface receives, or what leaves by it. Left out in a request: both."),
                .optional(
                    "at", .string(choices: ["first", "last"]),
                    "Where packets meet it. A request without `at`, `before` and `after` means `last`."),
                .optional("before", .string, "The policy directly before which it is put."),
                .optional("after", .string, "The policy directly after which it is put."),
            ])),
    ]

    private static let links = [
        Component(
            Link.self, "A bidirectional edge between two ends.",
            .object([
                .required("id", .string, "`l:<uuid>`."),
                .required("from", .of(LinkEnd.self), "One end."),
                .required("to", .of(LinkEnd.self), "The other end."),
                .required("state", .string(choices: ["up", "pending"]), "`pending` when no packet can cross now."),
                .optional("detail", .string, "Why it is pending: its interface is gone. Left out when it is up."),
                .optional(
                    "hook", .string(choices: ["tc", "xdp-native", "xdp-generic"]),
                    "Where the packets of its interface enter; left out for a link between modules."),
            ])),
        Component(
            LinkEnd.self, "A module's port or an external interface.",
            .object([
                .required(
                    "node", .string, "`m:<uuid>`, or in requests a unique display name; or `i:<interface name>`."),
                .optional(
                    "port", .integer(1...1000),
                    "The module's port. Left out in a request: the lowest that is free. An interface has none."),
            ])),
        Component(
            LinkRequest.self, "Two ends to be linked.",
            .object([
                .required("from", .of(LinkEnd.self), "One end."),
                .required("to", .of(LinkEnd.self), "The other end."),
                .optional(
                    "hook", .string(choices: LinkHook.allCases.map(\.rawValue)),
                    "Where the packets of the link's interface are to enter: `tc`, `xdp` (native, else generic) or one of "
                        + "its modes; left to Hover without (xdp for network cards, where the module fits, else tc)."),
            ])),
        Component(
            Interface.self, "A network interface in hoverd's network namespace.",
            .object([
                .required("id", .string, "`i:<name>`."),
                .required("name", .string, "Its name, as `ip link` shows it."),
                .required("index", .count, "The kernel's number for it."),
                .required("kind", .string, "As the kernel names it: `veth`, `bridge`, …; empty for a physical device."),
                .required("up", .boolean, "Whether it is up."),
                .required("mtu", .count, "The largest packet that it takes, in bytes."),
                .required("address", .string, "The link-layer address, `aa:bb:…`; empty without."),
                .optional("bridge", .string, "The bridge that it is a member of."),
                .optional("link", .string, "The id of the link that uses it."),
            ])),
    ]

    private static let topology = [
        Component(
            Topology.self, "What is connected with what.",
            .object([
                .required("nodes", .array(of: .of(TopologyNode.self)), "Modules, then bridges, then interfaces."),
                .required(
                    "edges", .array(of: .of(TopologyEdge.self)),
                    "Links, then bridges' members, then interfaces of the host itself on which policies lie."),
            ])),
        Component(
            TopologyNode.self, "Something that edges connect, or a policy that lies on them.",
            .object([
                .required("id", .string, "`m:<uuid>`, `b:<bridge name>` or `i:<interface name>`."),
                .required("name", .string, "Its name."),
                .required("type", .string, "The module type, or `interface`."),
            ])),
        Component(
            TopologyEdge.self, "Two ends, and the policies between them.",
            .object([
                .required(
                    "kind", .string(choices: ["link", "bridge", "host"]),
                    "A link, a bridge's member and its bridge, or an interface and the host itself."),
                .optional("link", .string, "The link's id; of links only."),
                .required("from", .of(LinkEnd.self), "One end."),
                .optional("to", .of(LinkEnd.self), "The other end; left out when that is the host itself."),
                .required("state", .string(choices: ["up", "pending"]), "`pending` when no packet can cross now."),
                .optional("detail", .string, "Why it is pending."),
                .required(
                    "forth", .array(of: .of(EdgePolicy.self)), "The policies from `from` to `to`, as packets meet them."
                ),
                .required(
                    "back", .array(of: .of(EdgePolicy.self)), "The policies from `to` to `from`, as packets meet them."),
            ])),
        Component(
            EdgePolicy.self, "A policy on one direction of an edge, and why: it has `tag` or `placement`.",
            .object([
                .required("policy", .string, "Its id."),
                .required(
                    "handler", .string(choices: Direction.allCases.map(\.rawValue)),
                    "`ingress`: handle_rx; `egress`: handle_tx, or handle_rx when the policy has no other."),
                .optional("tag", .string, "The node at one of the ends that it tags."),
                .optional("placement", .of(Placement.self), "Where it is placed."),
            ])),
    ]

    private static let tables = [
        Component(
            Table.self, "A table of a module: a BPF map, typed by its BTF.",
            .object([
                .required("name", .string, "The name in the module's source."),
                .required("kind", .string, "The map type: `hash`, `array`, `percpu_hash`, …"),
                .required("max_entries", .uint32, "The most entries that it can have."),
                .required("key_size", .count, "Bytes of a key."),
                .required("value_size", .count, "Bytes of a value."),
                .required("key", .of(TypeShape.self), "The layout of a key."),
                .required("value", .of(TypeShape.self), "The layout of a value."),
                .required("per_cpu", .boolean, "Whether an entry has a value for each CPU."),
                .required("map_id", .uint32, "The kernel's id of the map, as `bpftool map show id` takes it."),
            ])),
        Component(
            TableEntry.self, "An entry of a table.",
            .object([
                .required("key", .any, "The key, in the form that the table's `key` describes."),
                .required(
                    "value", .any,
                    "The value. Of a per-CPU table: numbers summed over all CPUs; what has no sum is the first CPU's."),
                .optional("per_cpu", .array(of: .any), "One value per possible CPU; per-CPU tables only."),
            ])),
        Component(
            TablePage.self, "A page of a table's entries.",
            .object([
                .required("entries", .array(of: .of(TableEntry.self)), "The entries, in the order of their keys."),
                .optional("next", .any, "The key to pass as `after` for the next page; left out on the last one."),
            ])),
        Component(
            EntryRequest.self, "An entry to be set. It has `value`, `per_cpu`, or both; then `per_cpu` counts.",
            .object([.required("key", .any, "The key, in the form that the table's `key` describes.")] + entryValue)),
        Component(
            ValueRequest.self, "What to set an entry to. It has `value`, `per_cpu`, or both; then `per_cpu` counts.",
            .object(entryValue)),
    ]

    private static let entryValue: [Schema.Property] = [
        .optional("value", .any, "The value; of a per-CPU table the first CPU's, the others become zero."),
        .optional("per_cpu", .array(of: .any), "One value per possible CPU; per-CPU tables only."),
    ]

    private static let system = [
        Component(
            ModuleType.self, "A kind of IO Module.",
            .object([
                .required("name", .string, "As `type` of a module has it."),
                .required("summary", .string, "What it is, in a sentence."),
                .required("creatable", .boolean, "False for kinds that only the kernel makes."),
                .optional("config", .any, "JSON Schema of `config`, for built-in types."),
            ])),
        Component(
            Version.self, "What runs.",
            .object([
                .required("version", .string, "The version of hoverd, by https://semver.org."),
                .required("kernel", .string, "The kernel's release, as `uname -r` prints it."),
            ])),
        Component(
            Problem.self, "Why a request was refused or failed (RFC 9457).",
            .object([
                .required("type", .string, "`urn:hover:problem:<kind>`, or `about:blank` when the status says it all."),
                .required("title", .string, "The kind in words."),
                .required("status", .integer(400...599), "The HTTP status."),
                .required("detail", .string, "What was wrong with which object, and the next step."),
                .optional("diagnostics", .array(of: .of(Diagnostic.self)), "Messages with their places in the source."),
                .optional("log", .string, "clang's output as printed, or the verifier's log."),
                .optional("pointer", .string, "The member of the request at fault, as a JSON pointer (RFC 6901)."),
            ])),
        Component(
            Diagnostic.self, "A message of clang's or of the kernel's verifier.",
            .object([
                .required("file", .string, "The source file."),
                .required("line", .count, "The line, from 1."),
                .required("column", .count, "The column, from 1, in bytes; 0 when it is not known."),
                .required("severity", .string(choices: ["error", "warning", "note"]), "How grave it is."),
                .required("message", .string, "The message."),
            ])),
    ]

    private static let shapes = [
        Component(
            TypeShape.self, "The layout of a C type, and the form in which its values are shown.",
            .object([
                .required(
                    "type",
                    .string(choices: [
                        "integer", "boolean", "enumeration", "characters", "bytes", "array", "structure", "union",
                        "bigEndian", "ipv4", "ipv6", "mac", "prefix4", "prefix6",
                    ]), "What it is: numbers are shown as numbers, characters as text, bytes as hexadecimal digits."),
                .optional("name", .string, "Of a structure or union: its name in C."),
                .optional("size", .count, "Bytes; of integers, enumerations, bigEndian, structures and unions."),
                .optional("signed", .boolean, "Of an integer or enumeration: whether it can be negative."),
                .optional("names", .array(of: .of(TypeShape.EnumerationCase.self)), "Of an enumeration: its values."),
                .optional("count", .count, "Of an array, characters or bytes: how many."),
                .optional("of", .of(TypeShape.self), "Of an array: the layout of an element."),
                .optional("members", .array(of: .of(TypeShape.Member.self)), "Of a structure or union: its members."),
            ])),
        Component(
            TypeShape.EnumerationCase.self, "A named value of an enumeration.",
            .object([
                .required("name", .string, "The name."),
                .required("value", .integer(Int128(Int64.min)...Int128(Int64.max)), "The number."),
            ])),
        Component(
            TypeShape.Member.self, "A member of a structure or union.",
            .object([
                .required("name", .string, "The name."),
                .required("offset", .count, "Bytes from the structure's start."),
                .optional("bitOffset", .integer(0...7), "Of a bit-field: bits from the lowest one at `offset`."),
                .optional("bitSize", .integer(1...128), "Of a bit-field: its width in bits."),
                .required("type", .of(TypeShape.self), "The layout."),
            ])),
    ]
}
