// SPDX-License-Identifier: Apache-2.0

import Foundation
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

    /// The name on its bus of the device that an interface is of, like `0000:00:03.0`; nil for interfaces of software.
    public func device(of interface: NetworkInterface) -> String? {
        guard interface.kind.isEmpty else { return nil }
        return try? FileManager.default.destinationOfSymbolicLink(atPath: "/sys/class/net/\(interface.name)/device")
            .split(separator: "/").last.map(String.init)
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
