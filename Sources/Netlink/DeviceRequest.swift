// SPDX-License-Identifier: Apache-2.0

import CNetlink
import Glibc

extension Interfaces {
    /// Makes an interface that is up, without IPv6 where that can be switched off.
    ///
    /// - Parameters:
    ///   - kind: as `ip link add … type` takes it.
    ///   - prefix: of its name; the lowest free number follows.
    ///   - mtu: in bytes.
    /// - Returns: its index.
    public static func makeDevice(kind: String, prefix: String, mtu: UInt32) throws(NetlinkError) -> UInt32 {
        for number in 0..<10_000 {
            let name = "\(prefix)\(number)"
            guard try make(kind: kind, name: name, mtu: mtu) else { continue }
            guard let made = try named(name) else {
                throw NetlinkError("find", "interface \(name), which was just made", errno: ENODEV)
            }
            switchOffIPv6(on: name)
            return made.index
        }
        throw NetlinkError("make", "an interface \(prefix)N", errno: EEXIST)
    }

    /// Removes an interface; one that is not there is no error.
    public static func remove(index: UInt32) throws(NetlinkError) {
        let link = try Link()
        rtnl_link_set_ifindex(link.pointer, Int32(bitPattern: index))
        let result = try Connection().ask { rtnl_link_delete($0, link.pointer) }
        guard result == 0 || abs(result) == NLE_NODEV || abs(result) == NLE_OBJ_NOTFOUND else {
            throw NetlinkError("remove", "interface \(index)", libraryCode: result)
        }
    }

    private static func switchOffIPv6(on name: String) {
        let file = open("/proc/sys/net/ipv6/conf/\(name)/disable_ipv6", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = write(file, "1", 1)
        close(file)
    }

    /// False when the name is taken.
    private static func make(kind: String, name: String, mtu: UInt32) throws(NetlinkError) -> Bool {
        let link = try Link()
        rtnl_link_set_name(link.pointer, name)
        rtnl_link_set_flags(link.pointer, UInt32(IFF_UP) | UInt32(IFF_NOARP))
        var result = rtnl_link_set_type(link.pointer, kind)
        guard result == 0 else { throw NetlinkError("make", "an interface of kind \(kind)", libraryCode: result) }
        rtnl_link_set_mtu(link.pointer, mtu)
        result = try Connection().ask { rtnl_link_add($0, link.pointer, NLM_F_CREATE | NLM_F_EXCL) }
        guard abs(result) != NLE_EXIST else { return false }
        guard result == 0 else { throw NetlinkError("make", "interface \(name)", libraryCode: result) }
        return true
    }
}

/// An interface as libnl describes it.
private final class Link {
    let pointer: OpaquePointer

    init() throws(NetlinkError) {
        guard let pointer = rtnl_link_alloc() else {
            throw NetlinkError("build", "a request for interfaces", libraryCode: NLE_NOMEM)
        }
        self.pointer = pointer
    }

    deinit {
        rtnl_link_put(pointer)
    }
}

/// A socket whose requests the kernel acknowledges.
private final class Connection {
    private let socket: OpaquePointer

    func ask(_ question: (OpaquePointer) -> Int32) -> Int32 {
        question(socket)
    }

    init() throws(NetlinkError) {
        guard let socket = nl_socket_alloc() else {
            throw NetlinkError("open", "a netlink socket", libraryCode: NLE_NOMEM)
        }
        let result = nl_connect(socket, NETLINK_ROUTE)
        guard result == 0 else {
            let error = NetlinkError("open", "a netlink socket", libraryCode: result)
            nl_socket_free(socket)
            throw error
        }
        self.socket = socket
    }

    deinit {
        nl_socket_free(socket)
    }
}
