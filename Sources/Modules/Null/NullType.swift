// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit

/// The smallest IO Module: every packet ends here, and whoever listens (`hoverctl capture`) sees it.
public struct NullType: ModuleType {
    public init() {}

    public let name = "null"
    /// What iovisor-ovn calls it, for YAML takes `null` for nothing.
    public let aliases = ["null_node"]
    public let summary = "ends every packet, and shows it to who captures there"
    public var objects: ModuleObjects { NullCode.objects }

    public func setup(_ config: ConfigReader) throws(ConfigError) -> ModuleSetup { ModuleSetup() }
}
