// SPDX-License-Identifier: Apache-2.0

import CNetlink
import Glibc
import Synchronization

/// Follows the interfaces of one network namespace on a thread of its own.
public final class InterfaceWatcher: Sendable {
    private struct Running {
        let thread: pthread_t
        /// An eventfd; what is written to it stops the thread.
        let wakeup: Int32
    }

    private let running: Mutex<Running?>

    private init(_ running: Running) {
        self.running = Mutex(running)
    }

    deinit {
        stop()
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
        let wakeup = eventfd(0, Int32(EFD_CLOEXEC))
        guard wakeup >= 0 else { throw NetlinkError("make", "an eventfd", errno: errno) }
        let (events, continuation) = AsyncStream.makeStream(of: [InterfaceEvent].self)
        let loop = WatchLoop(
            requests: requests, notices: notices, wakeup: wakeup, known: KnownInterfaces(initial), events: continuation)
        var thread = pthread_t()
        let argument = Unmanaged.passRetained(loop)
        let result = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<WatchLoop>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument.toOpaque())
        guard result == 0 else {
            argument.release()
            close(wakeup)
            throw NetlinkError("start", "the thread that follows interfaces", errno: result)
        }
        return (InterfaceWatcher(Running(thread: thread, wakeup: wakeup)), initial, events)
    }

    /// Ends the stream of events. On return the thread and its sockets are gone. Any number of calls is fine.
    public func stop() {
        running.withLock { running in
            guard let stopped = running.take() else { return }
            eventfd_write(stopped.wakeup, 1)
            pthread_join(stopped.thread, nil)
            close(stopped.wakeup)
        }
    }
}

/// What the watcher's thread does. Nothing else refers to it once the thread runs.
private final class WatchLoop {
    private let requests: NetlinkSocket
    private let notices: NetlinkSocket
    private let wakeup: Int32
    private var known: KnownInterfaces
    private let events: AsyncStream<[InterfaceEvent]>.Continuation
    /// Whether messages got lost since `known` was true.
    private var isStale = false

    init(
        requests: NetlinkSocket, notices: NetlinkSocket, wakeup: Int32, known: KnownInterfaces,
        events: AsyncStream<[InterfaceEvent]>.Continuation
    ) {
        self.requests = requests
        self.notices = notices
        self.wakeup = wakeup
        self.known = known
        self.events = events
    }

    func run() {
        while waitForNotices() {
            let news = takeNotices() + takeList()
            if !news.isEmpty {
                events.yield(news)
            }
        }
        events.finish()
    }

    /// False when the watcher was stopped.
    private func waitForNotices() -> Bool {
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
