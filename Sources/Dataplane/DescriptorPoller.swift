// SPDX-License-Identifier: Apache-2.0

import BPF
import CNetlink
import Foundation
import Synchronization

/// Waits for many descriptors on one thread, so that no task holds a thread while it waits for the kernel.
final class DescriptorPoller: Sendable {
    /// What a descriptor is waited for.
    enum Readiness: UInt32 {
        case readable = 1  // EPOLLIN
        case writable = 4  // EPOLLOUT
    }

    private typealias Handler = @Sendable () -> Void

    /// One for the process; its thread sleeps while there is nothing.
    static let shared = Result { () throws(KernelError) in try DescriptorPoller() }

    private let epoll: Int32
    private let handlers = Mutex<[Int32: Handler]>([:])

    private init() throws(KernelError) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw KernelError(operation: "make", object: "an epoll set", errno: errno) }
        Thread.detachNewThread { [self] in run() }
    }

    /// Calls `handler` once, as soon as a descriptor is ready. A handler of the same descriptor that still waits is
    /// forgotten.
    func notify(
        when descriptor: Int32, is readiness: Readiness, _ handler: @escaping @Sendable () -> Void
    ) throws(KernelError) {
        let failure: Int32 = handlers.withLock { handlers in
            handlers[descriptor] = handler
            var event = epoll_event()
            event.events = readiness.rawValue | EPOLLONESHOT.rawValue
            event.data.fd = descriptor
            guard epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event) != 0 else { return 0 }
            guard errno == ENOENT, epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
                handlers[descriptor] = nil
                return errno
            }
            return 0
        }
        guard failure == 0 else {
            throw KernelError(operation: "wait for", object: "descriptor \(descriptor)", errno: failure)
        }
    }

    /// No longer waits for a descriptor; before it is closed.
    func forget(_ descriptor: Int32) {
        handlers.withLock { handlers in
            handlers[descriptor] = nil
            epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
        }
    }

    private func run() {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        while true {
            let count = epoll_wait(epoll, &events, Int32(events.count), -1)
            for event in events.prefix(Int(max(count, 0))) {
                let handler = handlers.withLock { $0.removeValue(forKey: event.data.fd) }
                handler?()
            }
        }
    }
}
