// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// The fast path learns, and forgets by age. What a change of configuration or links makes wrong is forgotten here at once.
extension SwitchType {
    public func run(_ module: any RunningModule) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await followConfigurations(of: module) }
            group.addTask { try await followLinks(of: module) }
            group.addTask { await checkNames(of: module) }
        }
    }

    private func followConfigurations(of module: any RunningModule) async throws {
        for await configuration in await module.configurations() {
            let config: SwitchConfig
            do {
                config = try SwitchConfig(ConfigReader(configuration))
            } catch {
                module.logger.warning("switch \(module.name) has a configuration that it does not understand: \(error)")
                continue
            }
            let now = monotonicNow()
            try await module.forgetStations { $0.contradicts(config, now: now) }
        }
    }

    /// Which numbers names have is decided by the configuration alone: links that are there already may differ.
    private func checkNames(of module: any RunningModule) async {
        for await configuration in await module.configurations() {
            guard let config = try? SwitchConfig(ConfigReader(configuration)) else { continue }
            var links: [Int: LinkedPort] = [:]
            for await now in await module.links() {
                links = now
                break
            }
            for port in config.numbers.configured {
                guard let name = port.peer, links[port.number]?.peer != name,
                    let other = links.first(where: { $0.value.peer == name })?.key
                else { continue }
                module.logger.warning(
                    """
                    switch \(module.name): the configuration has \(name) at port \(port.number), and it is linked to port \
                    \(other): give it an entry in ports with name and port, or link it anew
                    """)
            }
        }
    }

    private func followLinks(of module: any RunningModule) async throws {
        var before: [Int: LinkedPort]?
        for await links in await module.links() {
            defer { before = links }
            // While nobody looked nothing was linked otherwise.
            guard let before else { continue }
            let changed = Set(before.keys).union(links.keys).filter { before[$0]?.peer != links[$0]?.peer }
            guard !changed.isEmpty else { continue }
            try await module.forgetStations { changed.contains($0.port) }
        }
    }
}

extension LearnedStation {
    /// Whether the switch would not learn it so: its place is fixed, or its port is not in its VLAN, or it would be
    /// remembered for longer than stations are now.
    fileprivate func contradicts(_ config: SwitchConfig, now: UInt64) -> Bool {
        if config.statics[key] != nil || port == config.mirror?.port {
            return true
        }
        guard (key.vlan != 0) == config.vlans.isAware, key.vlan == 0 || config.vlans.has(key.vlan, on: port) else {
            return true
        }
        guard config.ageingTime != 0 else { return expires != 0 }
        return expires == 0 || Int64(bitPattern: expires &- now) > Int64(config.ageingTime + 1) * 1_000_000_000
    }
}
