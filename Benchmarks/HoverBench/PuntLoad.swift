// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Foundation
import Synchronization
import TestSupport

/// Frames of 64 bytes that a module sends to its slow path, while the slow path only counts them.
///
/// The kernel runs the module's program on processor 0; all threads of this process but that one are to be on processor
/// 1, where the slow path is.
struct PuntLoad {
    enum Pace {
        /// A fixed rate, whatever becomes of the packets.
        case perSecond(Int)
        /// As many as the slow path takes, with at most so many on the way: what it can do, without a full ring.
        case asConsumed(atOnce: Int)
    }

    struct Outcome {
        let sent: Int
        let received: Int
        /// Counted by the kernel side.
        let dropped: Int
        /// From the first sent to the last received.
        let seconds: Double
        /// Of the processor, of all threads but the one that sends.
        let busySeconds: Double

        /// Packets that nobody knows of.
        var astray: Int { sent - received - dropped }
    }

    let packets: Int
    let pace: Pace

    /// A call of the kernel sends so many.
    private static let chunk = 500

    func run(on rig: PuntRig, limits: SlowPathLimits) async throws -> Outcome {
        let program = try BPFProgram(pinned: "\(rig.root)/modules/punt/ports/1")
        let before = try await dropped(rig)
        let packetIns = try await rig.dataplane.listen(toModule: rig.module, limits: limits)
        let counter = Counter()
        let consumer = Task {
            for await packet in packetIns where packet.bytes.count == broadcastFrame.count {
                counter.received.add(1, ordering: .relaxed)
            }
        }
        let times = try await onThread {
            try pinToProcessor(0, thread: 0)
            return try send(program, counter)
        }
        let after = try await dropped(rig)
        packetIns.close()
        await consumer.value
        return Outcome(
            sent: packets, received: counter.count, dropped: after - before, seconds: times.all, busySeconds: times.busy
        )
    }

    private func send(_ program: BPFProgram, _ counter: Counter) throws -> (all: Double, busy: Double) {
        let start = clock(CLOCK_MONOTONIC)
        let busyBefore = clock(CLOCK_PROCESS_CPUTIME_ID) - clock(CLOCK_THREAD_CPUTIME_ID)
        for sent in stride(from: 0, to: packets, by: Self.chunk) {
            switch pace {
            case .perSecond(let rate):
                let early = start + Double(sent) / Double(rate) - clock(CLOCK_MONOTONIC)
                if early > 0 { usleep(UInt32(early * 1e6)) }
            case .asConsumed(let most):
                try counter.wait(for: sent + Self.chunk - most)
            }
            _ = try program.testRun(data: broadcastFrame, repeat: Self.chunk)
        }
        let last = counter.waitForRest(of: packets)
        return (last - start, clock(CLOCK_PROCESS_CPUTIME_ID) - clock(CLOCK_THREAD_CPUTIME_ID) - busyBefore)
    }

    private func dropped(_ rig: PuntRig) async throws -> Int {
        Int(try await rig.dataplane.counters(ofModule: rig.module).drops.values.reduce(0, +))
    }
}

/// Counts what the slow path received.
private final class Counter: Sendable {
    let received = Atomic(0)

    var count: Int { received.load(ordering: .relaxed) }

    /// Waits until so many have come.
    func wait(for count: Int) throws {
        let deadline = clock(CLOCK_MONOTONIC) + 10
        while self.count < count {
            guard clock(CLOCK_MONOTONIC) < deadline else {
                throw CommandFailure(command: ["punt bench"], status: "packet-ins do not arrive", output: "")
            }
            usleep(20)
        }
    }

    /// Waits until all have come, or none has for half a second. Returns when the last one came.
    func waitForRest(of count: Int) -> Double {
        var last = (count: -1, time: 0.0)
        repeat {
            if self.count != last.count {
                last = (self.count, clock(CLOCK_MONOTONIC))
            }
            usleep(100)
        } while last.count < count && clock(CLOCK_MONOTONIC) < last.time + 0.5
        return last.time
    }
}

private func clock(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

// Glibc's module leaves it out, for its header shows it with _GNU_SOURCE only.
@_silgen_name("sched_setaffinity")
private func setAffinity(_ thread: Int32, _ size: Int, _ processors: UnsafeRawPointer) -> Int32

/// Keeps a thread on one processor, and those that it starts; 0 is the calling one.
func pinToProcessor(_ processor: Int, thread: Int32) throws {
    let processors = bytes(of: UInt64(1) << processor)
    // A thread that has ended meanwhile needs none.
    guard setAffinity(thread, processors.count, processors) == 0 || errno == ESRCH else {
        throw CommandFailure(
            command: ["keep a thread on processor \(processor)"], status: String(cString: strerror(errno)), output: "")
    }
}

/// The same for all threads of this process.
func pinToProcessor(_ processor: Int) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task") {
        if let thread = Int32(name) {
            try pinToProcessor(processor, thread: thread)
        }
    }
}
