// SPDX-License-Identifier: Apache-2.0

import Netlink

/// The other end of a veth, perhaps in another network namespace.
///
/// A veth takes frames that an xdp program sends only when its peer polls (drivers/net/veth.c, veth_xdp_xmit), which
/// generic receive offload makes it do; it is off by default. And a peer with transmit offloads leaves checksums and VLAN
/// tags to be filled in by whoever sends the packet on: an xdp program sees neither, and a frame that it sends on would
/// arrive wrong.
public struct VethPeer: Sendable, Hashable {
    /// In its namespace.
    public var index: UInt32
    /// The near end, in this namespace.
    public var near: UInt32
    /// Its link-layer address, to tell it from others.
    public var address: [UInt8]

    public init(index: UInt32, near: UInt32, address: [UInt8]) {
        self.index = index
        self.near = near
        self.address = address
    }

    /// Turns generic receive offload on, and transmit offloads off.
    func prepare() throws(DataplaneError) {
        do throws(NetlinkError) {
            guard
                try Interfaces.setOffloads(
                    ofPeer: index, near: near, address: address, receive: true, transmit: false)
            else {
                throw NetlinkError(
                    operation: "reach", object: "the peer of interface \(near)",
                    reason: "its network namespace is not below /run/netns, and no process that hoverd sees is in it")
            }
        } catch {
            throw .kernel("\(error): link it at tc, or at xdp in generic mode")
        }
    }
}
