// SPDX-License-Identifier: Apache-2.0

/// The keys that a manifest can have; dist/manifest.schema.json describes them.
enum ManifestKeys {
    /// `$schema` is for editors.
    static let document = ["modules", "links", "external_interfaces", "$schema"]
    static let module = [
        "name", "type", "code", "source", "file", "config", "ports", "max_ports", "counters", "tags", "placements",
    ]
    static let placement = ["node", "port", "direction", "at", "before", "after"]
    static let link = ["from", "to", "hook"]
    static let externalInterface = ["module", "iface", "port", "hook"]

    static let directions = ["ingress", "egress"]
    static let positions = ["first", "last"]
    static let hooks = ["tc", "xdp", "xdp-native", "xdp-generic"]
}
