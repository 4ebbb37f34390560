// SPDX-License-Identifier: Apache-2.0

import BPF
import Logging
import Synchronization

/// Hands one module's packet-ins to all who listen, and keeps those that are to be held.
///
/// The ring is read when a listener asks and has nothing left, so the fastest listener sets the pace. The others get the
/// same packets, and miss what does not fit into the bounded memory that is kept for each.
final class PacketFeed: Sendable {
    private struct Listener {
        /// What others fetched and it has not asked for yet.
        var batches: [PacketBatch] = []
        var size = 0
        /// Packets that did not fit since.
        var missed = 0
        /// Set while it sleeps.
        var wakeup: Wakeup?
    }

    private struct State {
        var ring: PacketRing?
        var listeners: [Int: Listener] = [:]
        var nextListener = 0
        var holds = HoldQueue<HeldPacket>()
    }

    private enum Step {
        case batch(PacketBatch)
        case sleep(Wakeup, PacketRing)
        case end
    }

    /// What is kept for a listener that reads slower than another one, in bytes.
    private static let backlog = 1 << 20

    private let state = Mutex(State())
    private let logger: Logger
    private let becameIdle: @Sendable () -> Void

    /// - Parameter becameIdle: is called when the last listener has gone.
    init(logger: Logger, becameIdle: @escaping @Sendable () -> Void) {
        self.logger = logger
        self.becameIdle = becameIdle
    }

    /// How many listen.
    var listenerCount: Int { state.withLock { $0.listeners.count } }

    /// Whether packets can come.
    var isOpen: Bool { state.withLock { $0.ring != nil } }

    /// Reads a ring from now on.
    func open(_ ring: PacketRing) {
        state.withLock { $0.ring = ring }
    }

    /// Ends the sequences of all listeners. What is held stays so for its time, for a slow path that comes again.
    func close() {
        let sleepers = state.withLock { state in
            state.ring = nil
            defer { state.listeners = [:] }
            return state.listeners.values.compactMap(\.wakeup)
        }
        for sleeper in sleepers {
            sleeper.wake()
        }
    }

    func listen() -> PacketIns {
        let number = state.withLock { state in
            state.nextListener += 1
            state.listeners[state.nextListener] = Listener()
            return state.nextListener
        }
        return PacketIns(feed: self, number: number)
    }

    /// Ends the sequence of one listener.
    func remove(_ listener: Int) {
        let (removed, isIdle) = state.withLock { state in
            let removed = state.listeners.removeValue(forKey: listener)
            return (removed, removed != nil && state.listeners.isEmpty)
        }
        removed?.wakeup?.wake()
        if isIdle {
            becameIdle()
        }
    }

    /// The next packets for a listener; nil when there will be none any more, or the task is cancelled.
    func next(for listener: Int) async -> PacketBatch? {
        while true {
            switch state.withLock({ Self.step(&$0, for: listener) }) {
            case .batch(let batch):
                return batch
            case .end:
                return nil
            case .sleep(let wakeup, let ring):
                guard !Task.isCancelled, arm(ring) else { return nil }
                await wakeup.sleep()
                guard !Task.isCancelled else { return nil }
            }
        }
    }

    private static func step(_ state: inout State, for number: Int) -> Step {
        guard var listener = state.listeners[number], let ring = state.ring else { return .end }
        defer { state.listeners[number] = listener }
        listener.wakeup = nil
        if !listener.batches.isEmpty {
            let batch = listener.batches.removeFirst()
            listener.size -= batch.size
            return .batch(batch)
        }
        guard var batch = ring.read() else {
            let wakeup = Wakeup()
            listener.wakeup = wakeup
            return .sleep(wakeup, ring)
        }
        hold(batch, in: &state)
        share(batch, among: &state.listeners, except: number)
        batch.missed = listener.missed
        listener.missed = 0
        return .batch(batch)
    }

    private static func hold(_ batch: PacketBatch, in state: inout State) {
        guard batch.hasHeldPackets else { return }
        let now = monotonicNow()
        for packet in batch {
            guard let key = packet.key else { continue }
            if packet.isWhole {
                state.holds.hold(HeldPacket(packet), key: key, at: now)
            } else {
                state.holds.refuse()
            }
        }
    }

    private static func share(_ batch: PacketBatch, among listeners: inout [Int: Listener], except reader: Int) {
        for number in listeners.keys where number != reader {
            guard var listener = listeners[number] else { continue }
            if listener.size + batch.size <= backlog {
                var copy = batch
                copy.missed = listener.missed
                listener.missed = 0
                listener.batches.append(copy)
                listener.size += batch.size
            } else {
                listener.missed += batch.count
            }
            listener.wakeup?.wake()
            listeners[number] = listener
        }
    }

    private func arm(_ ring: PacketRing) -> Bool {
        do throws(KernelError) {
            try ring.notify { [weak self] in self?.wakeAll() }
            return true
        } catch {
            logger.warning("a slow path ends, for it cannot wait for packets: \(error)")
            return false
        }
    }

    private func wakeAll() {
        let sleepers = state.withLock { $0.listeners.values.compactMap(\.wakeup) }
        for sleeper in sleepers {
            sleeper.wake()
        }
    }

    /// Takes out all packets that wait for one thing, oldest first.
    func release(_ key: UInt64) -> [HeldPacket] {
        state.withLock { $0.holds.release(key: key, at: monotonicNow()) }
    }

    /// How many packets are held, and what became of those that were not released.
    var holdCounts: (held: Int, lost: HoldQueue<HeldPacket>.Counts) {
        state.withLock { state in
            state.holds.expire(at: monotonicNow())
            return (state.holds.count, state.holds.counts)
        }
    }
}
