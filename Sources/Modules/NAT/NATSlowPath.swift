// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

extension NATType {
    /// Learns the public address from the router behind port 1, which says what addresses it has there: also the one
    /// that it got by DHCP. A router that says nothing, because it is just being started, changes nothing.
    ///
    /// The router is told which of them are translated here, so that it sends what insides have for them this way.
    public func run(_ module: any RunningModule) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in await module.configurations() { try await follow(module) } }
            group.addTask { for await _ in await module.links() { try await follow(module) } }
            try await group.waitForAll()
        }
    }

    private func follow(_ module: any RunningModule) async throws {
        guard let links = await currentLinks(of: module), let router = links[1]?.addresses?.map(\.address),
            let address = router.first(where: isPublic)
        else { return }
        let config = try NATConfig(ConfigReader(await module.configuration()))
        let translated = router.filter { config.translates($0, default: address) }
        await module.publish(translated.compactMap { IPPrefix($0, length: 32) }, port: 1)
        let only = StructureBytes().u32(0).bytes
        guard try await module.value(of: only, in: "public_address") != address.bytes else { return }
        try await module.set(address.bytes, for: only, in: "public_address")
        module.logger.info("the router's address outside is \(address)")
    }

    private func currentLinks(of module: any RunningModule) async -> [Int: LinkedPort]? {
        for await links in await module.links() { return links }
        return nil
    }

    private func isPublic(_ address: IPAddress) -> Bool {
        address.isIPv4 && !address.isUnspecified && !address.isLinkLocal && !address.isLoopback
    }
}

extension NATConfig {
    /// Whether sessions or forwards may have an address outside.
    fileprivate func translates(_ address: IPAddress, default known: IPAddress) -> Bool {
        guard let number = address.ipv4Number else { return false }
        return address == publicAddress ?? known || forwards.contains { $0.externalAddress == number }
            || pools.contains { $0.ranges.contains { $0.first <= number && number <= $0.last } }
    }
}
