// SPDX-License-Identifier: Apache-2.0

import CNetlink
import Glibc

/// Follows a routing table of one network namespace on a thread of its own.
///
/// A routing daemon may change thousands of routes in a moment, and the kernel's messages about single next hops differ by
/// family and version. So each message only says that something has changed: then the table is read as a whole, at most
/// for a fifth of the time.
public final class RouteWatcher: Sendable {
    private let thread: WatchThread

    private init(_ thread: WatchThread) {
        self.thread = thread
    }

    /// Starts to follow a table of the calling thread's network namespace.
    ///
    /// - Returns: the watcher, which watches until it is stopped or released; and the table's routes, as they are and each
    ///   time when they have changed. Who is slow misses what was in between.
    public static func start(
        table: UInt32
    ) throws(NetlinkError) -> (watcher: RouteWatcher, routes: AsyncStream<[KernelRoute]>) {
        // RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE and RTNLGRP_NEXTHOP.
        let notices = try RouteSocket(groups: [7, 11, 32])
        let (routes, continuation) = AsyncStream.makeStream(
            of: [KernelRoute].self, bufferingPolicy: .bufferingNewest(1))
        let loop = RouteLoop(table: table, notices: notices, routes: continuation)
        let thread = try WatchThread("the thread that follows routes") { loop.run(until: $0) }
        return (RouteWatcher(thread), routes)
    }

    /// Ends the stream. On return the thread and its sockets are gone. Any number of calls is fine.
    public func stop() {
        thread.stop()
    }
}

/// What the watcher's thread does. Nothing else refers to it once the thread runs.
private final class RouteLoop {
    private let table: UInt32
    private let notices: RouteSocket
    private let routes: AsyncStream<[KernelRoute]>.Continuation
    private var known: [KernelRoute]?

    init(table: UInt32, notices: RouteSocket, routes: AsyncStream<[KernelRoute]>.Continuation) {
        self.table = table
        self.notices = notices
        self.routes = routes
    }

    func run(until wakeup: Int32) {
        var isStale = true
        // Milliseconds.
        var pause: Int32 = 0
        while wait(until: wakeup, forNotices: !isStale, atMost: isStale ? pause : -1) {
            notices.drop()
            if !isStale {
                // More will follow: what comes together is read together.
                isStale = true
                pause = max(pause, 20)
                continue
            }
            let start = milliseconds()
            if let list = try? RouteSocket.list(table: table) {
                isStale = false
                if list != known {
                    known = list
                    routes.yield(list)
                }
            }
            pause = isStale ? 200 : min(max(20, (milliseconds() - start) * 4), 5000)
        }
        routes.finish()
    }

    /// False when the watcher was stopped.
    private func wait(until wakeup: Int32, forNotices: Bool, atMost time: Int32) -> Bool {
        var descriptors = [
            pollfd(fd: wakeup, events: Int16(POLLIN), revents: 0),
            pollfd(fd: notices.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        poll(&descriptors, forNotices ? 2 : 1, time)
        return descriptors[0].revents == 0
    }

    private func milliseconds() -> Int32 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int32(truncatingIfNeeded: time.tv_sec &* 1000 &+ time.tv_nsec / 1_000_000)
    }
}

/// A socket to rtnetlink for routes.
private final class RouteSocket {
    let descriptor: Int32

    /// - Parameter groups: whose messages it gets.
    init(groups: [Int32] = []) throws(NetlinkError) {
        descriptor = socket(AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), NETLINK_ROUTE)
        guard descriptor >= 0 else { throw NetlinkError("open", "a netlink socket", errno: errno) }
        // A port number: what is told to all passes over a socket without one.
        var address = sockaddr_nl()
        address.nl_family = sa_family_t(AF_NETLINK)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
            }
        }
        guard bound == 0 else { throw NetlinkError("open", "a netlink socket", errno: errno) }
        for group in groups {
            var group = group
            // SOL_NETLINK, NETLINK_ADD_MEMBERSHIP (linux/netlink.h).
            guard setsockopt(descriptor, 270, 1, &group, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
                throw NetlinkError("follow", "routes", errno: errno)
            }
        }
    }

    deinit {
        close(descriptor)
    }

    /// Throws away what waits; that there was something is all that is of interest.
    func drop() {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT)) >= 0 || errno == ENOBUFS {}
    }

    /// The routes of a table, in an order of their own.
    static func list(table: UInt32) throws(NetlinkError) -> [KernelRoute] {
        for _ in 0..<20 {
            if let routes = try uninterruptedList(table: table) { return routes }
        }
        throw NetlinkError("list", "routes", libraryCode: NLE_DUMP_INTR)
    }

    private static func uninterruptedList(table: UInt32) throws(NetlinkError) -> [KernelRoute]? {
        let socket = try RouteSocket()
        // struct nlmsghdr: length, RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, a number; struct rtmsg of zeros.
        let request: [UInt8] = [28, 0, 0, 0, 26, 0, 1, 3, 1] + [UInt8](repeating: 0, count: 19)
        guard send(socket.descriptor, request, request.count, 0) == request.count else {
            throw NetlinkError("list", "routes", errno: errno)
        }
        var names: [UInt32: String] = [:]
        func name(_ index: UInt32) -> String {
            if let name = names[index] { return name }
            var bytes = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
            let found = if_indextoname(index, &bytes).map { String(cString: $0) } ?? ""
            names[index] = found
            return found
        }
        var routes: [KernelRoute] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        var isInterrupted = false
        while true {
            let count = recv(socket.descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { throw NetlinkError("list", "routes", errno: errno) }
            for message in NetlinkMessage.split(Array(buffer[..<count])) {
                isInterrupted = isInterrupted || Int32(message.flags) & NLM_F_DUMP_INTR != 0
                if Int32(message.type) == NLMSG_DONE { return isInterrupted ? nil : routes }
                if Int32(message.type) == NLMSG_ERROR {
                    let number = message.body.integer(at: 0, as: Int32.self) ?? -EIO
                    throw NetlinkError("list", "routes", errno: -number)
                }
                guard let found = RouteMessage(message, name: name), found.table == table else { continue }
                routes.append(found.route)
            }
        }
    }
}
