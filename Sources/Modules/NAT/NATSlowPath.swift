// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

extension NATType {
    /// Learns the public address from the router behind port 1, which says what addresses it has there: also the one
    /// that it got by DHCP. A router that says nothing, because it is just being started, changes nothing.
    ///
    /// The router is told which addresses are translated here: it answers ARP for them outside, and sends this way what
    /// insides have for them.
    public func run(_ module: any RunningModule) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { for await _ in await module.configurations() { try await follow(module) } }
            group.addTask { for await _ in await module.links() { try await follow(module) } }
        }
    }

    private func follow(_ module: any RunningModule) async throws {
        guard let router = await currentLinks(of: module)?[1]?.published else { return }
        let address = router.own.map(\.address).first(where: isPublic)
        let config = try NATConfig(ConfigReader(await module.configuration()))
        await module.publish(PublishedAddresses(translated: config.translated(default: address)), port: 1)
        guard let address else { return }
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
    /// The addresses that sessions and forwards may have outside.
    fileprivate func translated(default known: IPAddress?) -> [IPPrefix] {
        let single =
            [publicAddress ?? known].compactMap { $0 }
            + forwards.compactMap(\.externalAddress).map(IPAddress.init(ipv4:))
        return Set(single).compactMap { IPPrefix($0, length: 32) } + pools.flatMap(\.ranges).flatMap(\.prefixes)
    }
}
