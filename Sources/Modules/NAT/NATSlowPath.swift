// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

extension NATType {
    /// Learns the public address from the router behind port 1, which says what addresses it has there: also the one
    /// that it got by DHCP. A router that says nothing, because it is just being started, changes nothing.
    public func run(_ module: any RunningModule) async throws {
        for await links in await module.links() {
            guard let address = links[1]?.addresses.lazy.map(\.address).first(where: isPublic) else { continue }
            let only = StructureBytes().u32(0).bytes
            guard try await module.value(of: only, in: "public_address") != address.bytes else { continue }
            try await module.set(address.bytes, for: only, in: "public_address")
            module.logger.info("the router's address outside is \(address)")
        }
    }

    private func isPublic(_ address: IPAddress) -> Bool {
        address.isIPv4 && !address.isUnspecified && !address.isLinkLocal && !address.isLoopback
    }
}
