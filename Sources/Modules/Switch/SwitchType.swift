// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// An Ethernet switch: it learns which station is behind which port, and forwards or floods frames in the kernel.
public struct SwitchType: ModuleType {
    public init() {}

    public let name = "switch"
    public let summary = "an Ethernet switch with VLANs, storm control, port security and a mirror port"
    public var objects: ModuleObjects { SwitchCode.objects }
    public var maxPorts: Int { lastPort }
    public var hasSlowPath: Bool { true }

    public func setup(_ config: ConfigReader) throws(ConfigError) -> ModuleSetup {
        try SwitchConfig(config).setup
    }
}

/// The highest port number (`LAST_PORT`, switch.h): a set of ports is 64 bits.
let lastPort = 64

/// A set of ports as the fast path has it: bit n - 1 is port n.
struct PortSet {
    private(set) var bits: UInt64 = 0

    init(_ ports: some Sequence<Int> = []) {
        for port in ports {
            insert(port)
        }
    }

    mutating func insert(_ port: Int) {
        bits |= 1 << UInt64(port - 1)
    }

    func contains(_ port: Int) -> Bool { bits >> UInt64(port - 1) & 1 == 1 }

    var value: TypedValue { TypedValue(bits) }
}
