// SPDX-License-Identifier: Apache-2.0

import Netlink

/// What the kernel's list of interfaces says, asked on the data plane's thread because the calls block.
extension Dataplane {
    /// All interfaces of this network namespace, but Hover's own device.
    public func interfaces() throws(NetlinkError) -> [NetworkInterface] {
        try Interfaces.list().filter { !isOwn($0) }
    }

    /// Whether an interface is Hover's own device.
    public func isOwn(_ interface: NetworkInterface) -> Bool { interface.index == device }

    /// The interface of a name; nil when there is none.
    public func interface(named name: String) throws(NetlinkError) -> NetworkInterface? {
        try Interfaces.named(name).flatMap { isOwn($0) ? nil : $0 }
    }

    /// The link-layer address of a veth's peer that lives in another network namespace; nil when it does not.
    public func peerAddress(of interface: NetworkInterface) throws(NetlinkError) -> [UInt8]? {
        guard interface.kind == "veth", let index = interface.peerIndex, let namespace = interface.peerNamespaceID
        else {
            return nil
        }
        return try Interfaces.address(ofInterface: index, inNamespace: namespace)
    }
}
