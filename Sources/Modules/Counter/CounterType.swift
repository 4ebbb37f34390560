// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// Counts packets and bytes by direction and EtherType, and lets every packet go on.
public struct CounterType: ModuleType {
    public init() {}

    public let name = "counter"
    public let summary = "counts packets and bytes by direction and EtherType on the links where it lies"
    public let isPolicy = true
    public var objects: ModuleObjects { CounterCode.objects }

    public func setup(_ config: ConfigReader) throws(ConfigError) -> ModuleSetup {
        let kinds = try config.value(
            "kinds", .integer(1...65_536), default: 1024,
            "the most pairs of direction and EtherType; further ones are not counted")
        return ModuleSetup(sizes: ["counts": kinds])
    }

    public func state(of module: any RunningModule, limit: Int) async throws -> [String: TypedValue] {
        var counts: [TypedValue] = []
        for entry in try await module.entries(of: "counts", limit: limit) {
            var key = StructureReader(entry.key)
            let direction = key.u32()
            let etherType = key.be16()
            var packets: UInt64 = 0
            var bytes: UInt64 = 0
            // One value for each CPU.
            var value = StructureReader(entry.value)
            for _ in 0..<entry.value.count / 16 {
                packets &+= value.u64()
                bytes &+= value.u64()
            }
            counts.append([
                "direction": direction == 1 ? "ingress" : "egress", "ether_type": TypedValue(etherType),
                "packets": TypedValue(packets), "bytes": TypedValue(bytes),
            ])
        }
        return ["counts": .array(counts)]
    }
}
