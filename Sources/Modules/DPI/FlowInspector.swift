// SPDX-License-Identifier: Apache-2.0

import CNDPI
import Dataplane
import Dispatch

/// Asks nDPI about packets, on a thread of its own: a packet takes 3 to 40 µs, and preparing nDPI 15 ms.
actor FlowInspector {
    /// A verdict on a flow.
    struct Finding: Sendable {
        var key: FlowKey
        var verdict: Verdict
    }

    private let executor = InspectorExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private var inspector: Inspector?
    private var flows: RecentFlows<InspectedFlow>

    /// - Parameter mostFlows: how many it keeps in mind at once, of which each takes a kilobyte or two.
    init(mostFlows: Int) {
        flows = RecentFlows(most: mostFlows)
    }

    /// Looks at packets in the order in which they came.
    ///
    /// - Returns: what is new.
    func look(at packets: PacketBatch) throws -> [Finding] {
        let inspector = try ready()
        var findings: [FlowKey: Verdict] = [:]
        var order: [FlowKey] = []
        for packet in packets {
            let key = FlowKey(packet)
            guard let verdict = try look(at: packet, of: key, inspector) else { continue }
            if findings.updateValue(verdict, forKey: key) == nil {
                order.append(key)
            }
        }
        return order.compactMap { key in findings[key].map { Finding(key: key, verdict: $0) } }
    }

    private func ready() throws -> Inspector {
        if let inspector {
            return inspector
        }
        let made = try Inspector()
        inspector = made
        return made
    }

    private func look(at packet: PacketIn, of key: FlowKey, _ inspector: Inspector) throws -> Verdict? {
        let flow: InspectedFlow
        if let known = flows[key] {
            flow = known
        } else {
            flow = try InspectedFlow()
            flows[key] = flow
        }
        guard let verdict = flow.look(at: packet, inspector), verdict != flow.verdict else { return nil }
        flow.verdict = verdict
        return verdict
    }
}

/// nDPI, prepared.
final class Inspector {
    fileprivate let pointer: OpaquePointer

    init() throws(OutOfMemory) {
        guard let pointer = ndpi_inspector_create() else { throw OutOfMemory() }
        self.pointer = pointer
    }

    deinit {
        ndpi_inspector_destroy(pointer)
    }
}

/// What nDPI has seen of a flow, until it is decided on.
final class InspectedFlow {
    /// Nil when nothing more is wanted of the flow.
    private var pointer: OpaquePointer?
    /// What was said last.
    var verdict = Verdict()

    init() throws(OutOfMemory) {
        guard let pointer = ndpi_inspected_flow_create() else { throw OutOfMemory() }
        self.pointer = pointer
    }

    deinit {
        forget()
    }

    private func forget() {
        if let pointer {
            ndpi_inspected_flow_destroy(pointer)
        }
        pointer = nil
    }

    /// `DPI_LAST` (`hand_up.h`).
    private static let last: UInt32 = 0x10000

    /// - Returns: what is known now; nil where the flow was decided on before.
    fileprivate func look(at packet: PacketIn, _ inspector: Inspector) -> Verdict? {
        guard let pointer else { return nil }
        let start = packet.bytes.startIndex + Int(packet.reason & 0xffff)
        guard start < packet.bytes.endIndex else { return verdict }
        let opinion = packet.bytes[start...].withUnsafeBufferPointer {
            ndpi_inspector_look(inspector.pointer, pointer, $0.baseAddress, $0.count, packet.time / 1_000_000)
        }
        let isLast = packet.reason & Self.last != 0
        // With the name of the other end all is known that packets after it could tell.
        guard isLast || (opinion.application != 0 && (!opinion.may_become_more || opinion.host.0 != 0)) else {
            return Verdict(opinion, isFinal: false)
        }
        let last = opinion.application != 0 ? opinion : ndpi_inspector_conclude(inspector.pointer, pointer)
        forget()
        return Verdict(last, isFinal: true)
    }
}

/// There was no memory for nDPI.
struct OutOfMemory: Error, CustomStringConvertible {
    var description: String { "no memory to classify flows: free some, or make flows smaller" }
}

/// Runs the inspector on a queue of its own.
private final class InspectorExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "hover.dpi")

    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        queue.async { unowned.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
