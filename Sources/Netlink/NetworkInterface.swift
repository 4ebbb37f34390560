// SPDX-License-Identifier: Apache-2.0

/// A network interface as the kernel describes it (rtnetlink(7), `RTM_NEWLINK`).
public struct NetworkInterface: Sendable, Hashable {
    public var name: String
    /// Unique in its network namespace.
    public var index: UInt32
    /// `veth`, `bridge`, …; empty for a physical one and for the loopback.
    public var kind: String
    /// Whether it is administratively up (`IFF_UP`).
    public var isUp: Bool
    /// In bytes.
    public var mtu: UInt32
    /// The link-layer address, `02:00:00:00:00:01`; empty when it has none.
    public var address: String
    /// The bridge, bond, … that it is a port of.
    public var masterIndex: UInt32?
    /// What it is tied to: a veth's peer, a VLAN's lower interface (`IFLA_LINK`).
    public var peerIndex: UInt32?
    /// The network namespace of `peerIndex` in this one's numbering; nil when it is this one.
    public var peerNamespaceID: Int32?

    public init(
        name: String, index: UInt32, kind: String, isUp: Bool, mtu: UInt32, address: String,
        masterIndex: UInt32? = nil, peerIndex: UInt32? = nil, peerNamespaceID: Int32? = nil
    ) {
        self.name = name
        self.index = index
        self.kind = kind
        self.isUp = isUp
        self.mtu = mtu
        self.address = address
        self.masterIndex = masterIndex
        self.peerIndex = peerIndex
        self.peerNamespaceID = peerNamespaceID
    }
}
