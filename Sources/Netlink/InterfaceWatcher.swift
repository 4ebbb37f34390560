// SPDX-License-Identifier: Apache-2.0

import CNetlink
import Glibc

/// Follows the interfaces of one network namespace on a thread of its own.
public final class InterfaceWatcher: Sendable {
    private let thread: WatchThread

    private init(_ thread: WatchThread) {
        self.thread = thread
    }

    /// Starts to follow the interfaces of the calling thread's network namespace.
    ///
    /// - Returns: the watcher, which watches until it is stopped or released; the interfaces that there are; and what
    ///   happens to them from then on, complete and in order, in groups that became known together. The events may
    ///   begin with steps that led to `initial`.
    public static func start() throws(NetlinkError) -> (
        watcher: InterfaceWatcher, initial: [NetworkInterface], events: AsyncStream<[InterfaceEvent]>
    ) {
        try start(bufferSize: 8 << 20)
    }

    static func start(bufferSize: Int32) throws(NetlinkError) -> (
        watcher: InterfaceWatcher, initial: [NetworkInterface], events: AsyncStream<[InterfaceEvent]>
    ) {
        let requests = try NetlinkSocket()
        let notices = try NetlinkSocket()
        // Before the list is read, so that nothing can happen between the two.
        try notices.subscribeToLinks(bufferSize: bufferSize)
        let initial = try Interfaces.list(on: requests)
        let (events, continuation) = AsyncStream.makeStream(of: [InterfaceEvent].self)
        let loop = WatchLoop(
            requests: requests, notices: notices, known: KnownInterfaces(initial), events: continuation)
        let thread = try WatchThread("the thread that follows interfaces") { loop.run(until: $0) }
        return (InterfaceWatcher(thread), initial, events)
    }

    /// Ends the stream of events. On return the thread and its sockets are gone. Any number of calls is fine.
    public func stop() {
        thread.stop()
    }
}

/// What the watcher's thread does. Nothing else refers to it once the thread runs.
private final class WatchLoop {
    private let requests: NetlinkSocket
    private let notices: NetlinkSocket
    private var known: KnownInterfaces
    private let events: AsyncStream<[InterfaceEvent]>.Continuation
    /// Whether messages got lost since `known` was true.
    private var isStale = false

    init(
        requests: NetlinkSocket, notices: NetlinkSocket, known: KnownInterfaces,
        events: AsyncStream<[InterfaceEvent]>.Continuation
    ) {
        self.requests = requests
        self.notices = notices
        self.known = known
        self.events = events
    }

    func run(until wakeup: Int32) {
        while waitForNotices(until: wakeup) {
            let news = takeNotices() + takeList()
            if !news.isEmpty {
                events.yield(news)
            }
        }
        events.finish()
    }

    /// False when the watcher was stopped.
    private func waitForNotices(until wakeup: Int32) -> Bool {
        var descriptors = [
            pollfd(fd: notices.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeup, events: Int16(POLLIN), revents: 0),
        ]
        // A list that could not be read is tried again soon.
        poll(&descriptors, 2, isStale ? 100 : -1)
        return descriptors[1].revents == 0
    }

    /// Reads all messages that wait. After a loss none of them counts, not even those from before it: the list that is
    /// read next is younger, and the kernel drops further ones until the socket is empty.
    private func takeNotices() -> [InterfaceEvent] {
        var news: [InterfaceEvent] = []
        while true {
            switch try? notices.receive() {
            case .messages(let messages):
                if isStale { continue }
                for message in messages.compactMap(LinkMessage.init) {
                    news += known.take(message)
                }
            case .nothing:
                return news
            case .overrun:
                isStale = true
            case nil:
                isStale = true
                return news
            }
        }
    }

    private func takeList() -> [InterfaceEvent] {
        guard isStale, let list = try? Interfaces.list(on: requests) else { return [] }
        isStale = false
        return known.take(list: list)
    }
}
