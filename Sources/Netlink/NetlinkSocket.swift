// SPDX-License-Identifier: Apache-2.0

import CNetlink
import Glibc

/// A socket of libnl to rtnetlink, in the network namespace of the thread that made it. For one thread at a time.
final class NetlinkSocket {
    enum Reception {
        case messages([NetlinkMessage])
        /// Nothing waits (on a socket that does not block).
        case nothing
        /// The kernel had more to say than the socket's buffer holds, and has dropped some of it.
        case overrun
    }

    private let socket: OpaquePointer

    init() throws(NetlinkError) {
        guard let socket = nl_socket_alloc() else {
            throw NetlinkError("open", "a netlink socket", libraryCode: NLE_NOMEM)
        }
        // The kernel answers every request with what was asked for or an error: nothing to acknowledge beside that.
        nl_socket_disable_auto_ack(socket)
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

    var descriptor: Int32 { nl_socket_get_fd(socket) }

    /// From now on the socket also receives what the kernel tells about all interfaces, and does not block.
    func subscribeToLinks(bufferSize: Int32) throws(NetlinkError) {
        var size = bufferSize
        let length = socklen_t(MemoryLayout<Int32>.size)
        // Beyond the system's limit (net.core.rmem_max), which only the privileged may; others get what it allows.
        if setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, length) != 0 {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, length)
        }
        var result = nl_socket_set_nonblocking(socket)
        if result == 0 {
            result = nl_socket_add_membership(socket, Int32(RTNLGRP_LINK.rawValue))
        }
        guard result == 0 else { throw NetlinkError("follow", "interfaces", libraryCode: result) }
    }

    /// Sends a request.
    ///
    /// - Returns: the sequence number of its answers.
    func send(_ request: LinkRequest) throws(NetlinkError) -> UInt32 {
        let result = nl_send_auto(socket, request.message)
        guard result >= 0 else { throw NetlinkError("send", "a netlink request", libraryCode: result) }
        return nlmsg_hdr(request.message).pointee.nlmsg_seq
    }

    /// Receives one datagram.
    func receive() throws(NetlinkError) -> Reception {
        var sender = sockaddr_nl()
        var buffer: UnsafeMutablePointer<UInt8>?
        let count = nl_recv(socket, &sender, &buffer, nil)
        defer { free(buffer) }
        switch count {
        case 0, -NLE_AGAIN:
            return .nothing
        case -NLE_NOMEM:
            // How libnl says ENOBUFS.
            return .overrun
        case ..<0:
            throw NetlinkError("receive from", "rtnetlink", libraryCode: count)
        default:
            // The kernel is number 0; nobody else has anything to say here.
            guard sender.nl_pid == 0 else { return .messages([]) }
            return .messages(NetlinkMessage.split(Array(UnsafeBufferPointer(start: buffer, count: Int(count)))))
        }
    }
}
