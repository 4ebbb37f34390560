// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// NATs behind ports: they say which addresses they translate, and do not answer ARP for them.
extension RouterSlowPath {
    /// Of those that have not said it yet since this process began, what they said before holds, unless they are gone.
    func confirmNATs(_ old: [Int: LinkedPort]?, _ new: [Int: LinkedPort]) {
        unconfirmed = unconfirmed.filter { port in
            guard let link = new[port], link.mtu == nil, link.published == nil else { return false }
            return old == nil || old?[port]?.peer == link.peer
        }
    }

    /// Whether a NAT behind the port has the port's own address.
    func isTranslated(_ port: PortPlan) -> Bool {
        if unconfirmed.contains(port.number) { return states[port.number]?.isTranslated ?? false }
        return port.addresses.contains { own in
            links?[port.number]?.published?.translated.contains { $0.contains(own.address) } ?? false
        }
    }

    /// The other addresses that NATs have.
    var translatedRoutes: [IPPrefix: Route] {
        var routes: [IPPrefix: Route] = [:]
        for port in currentPorts {
            let route = Route.translated(port: port.number)
            if unconfirmed.contains(port.number) {
                for (prefix, known) in learned.routes where known == route { routes[prefix] = route }
            }
            for prefix in links?[port.number]?.published?.translated ?? []
            where !port.addresses.contains(where: { $0.isOnly(in: prefix) }) {
                routes[prefix] = route
            }
        }
        return routes
    }
}

extension IPPrefix {
    /// Whether a prefix is of this address alone.
    fileprivate func isOnly(in prefix: IPPrefix) -> Bool { prefix.length == 32 && prefix.address == address }
}
