// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// Finds out which application flows belong to, and counts, blocks and marks their packets by it.
public struct DPIType: ModuleType {
    public init() {}

    public let name = "dpi"
    public let summary =
        "classifies flows by application (nDPI), and counts, blocks or marks them on the links where it lies"
    public let isPolicy = true
    public let hasSlowPath = true
    public var objects: ModuleObjects { DpiCode.objects }

    public func setup(_ config: ConfigReader) throws(ConfigError) -> ModuleSetup {
        let configuration = try DPIConfiguration(config)
        return ModuleSetup(
            constants: configuration.constants,
            sizes: ["flows": configuration.flows, "answers": 2 * configuration.flows],
            tables: [ConfiguredTable("policy", entries: [StructureBytes().u32(0).bytes: configuration.policy])])
    }

    public func run(_ module: any RunningModule) async throws {
        let answers = AnswerTable(module)
        // The size is fixed when the module is made.
        let configuration = try DPIConfiguration(ConfigReader(await module.configuration()))
        try await DPISlowPath(module, answers, flows: configuration.flows).run()
    }
}
