// SPDX-License-Identifier: Apache-2.0

import CNetlink
import Glibc

/// What a message about an interface says of it.
enum LinkMessage: Hashable {
    /// It is there, like this.
    case present(NetworkInterface)
    /// It is gone; when it went to another network namespace, to which, in this one's numbering.
    case absent(index: UInt32, movedTo: Int32?)

    /// Nil for messages that are not about the interface itself.
    init?(_ message: NetlinkMessage) {
        // Bridges tell of their ports under the same message types, with a family of their own: RTM_DELLINK then means
        // that the port left the bridge.
        guard Int(message.type) == RTM_NEWLINK || Int(message.type) == RTM_DELLINK,
            let family = message.body.first, Int32(family) == AF_UNSPEC,
            let index = message.body.integer(at: 4, as: UInt32.self),
            let flags = message.body.integer(at: 8, as: UInt32.self)
        else { return nil }
        let attributes = netlinkAttributes(message.body.dropFirst(MemoryLayout<ifinfomsg>.size))
        if Int(message.type) == RTM_DELLINK {
            self = .absent(index: index, movedTo: attributes[Int(IFLA_NEW_NETNSID)]?.integer(at: 0, as: Int32.self))
            return
        }
        // Wireless drivers send messages that carry nothing but a name and their own events.
        guard let name = attributes[Int(IFLA_IFNAME)]?.text,
            let mtu = attributes[Int(IFLA_MTU)]?.integer(at: 0, as: UInt32.self)
        else { return nil }
        let information = netlinkAttributes(attributes[Int(IFLA_LINKINFO)] ?? [])
        func otherIndex(_ attribute: Int) -> UInt32? {
            attributes[attribute]?.integer(at: 0, as: UInt32.self).flatMap { $0 == 0 ? nil : $0 }
        }
        self = .present(
            NetworkInterface(
                name: name, index: index, kind: information[Int(IFLA_INFO_KIND)]?.text ?? "",
                isUp: flags & UInt32(IFF_UP) != 0, mtu: mtu,
                address: linkLayerText(attributes[Int(IFLA_ADDRESS)] ?? []),
                masterIndex: otherIndex(Int(IFLA_MASTER)), peerIndex: otherIndex(Int(IFLA_LINK)),
                peerNamespaceID: attributes[Int(IFLA_LINK_NETNSID)]?.integer(at: 0, as: Int32.self)
                    .flatMap { $0 < 0 ? nil : $0 }))
    }
}

/// Pairs of digits with colons between them.
func linkLayerText(_ address: ArraySlice<UInt8>) -> String {
    address.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
}
