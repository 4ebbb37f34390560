// SPDX-License-Identifier: Apache-2.0

import Glibc
import ModuleKit
import TypedValue

/// A flow as the fast path has it (`struct dpi_flow`).
struct TrackedFlow {
    var key: FlowKey
    var verdict: Verdict
    var packets: UInt64
    var bytes: UInt64
    /// By the clock of the fast path, in nanoseconds; 0: it does not.
    var expires: UInt64
    var began: UInt64
    /// Packets that were handed up.
    var inspected: UInt16
    /// Whether who began is the key's destination.
    var isReversed: Bool

    init(key: [UInt8], value: [UInt8]) {
        var reader = StructureReader(value)
        expires = reader.u64()
        reader.skip(16)
        verdict = Verdict(&reader)
        packets = reader.u64()
        bytes = reader.u64()
        began = reader.u64()
        reader.skip(8)
        self.key = FlowKey(bytes: key, id: reader.u32())
        reader.skip(4)
        inspected = reader.u16()
        reader.skip(2)
        isReversed = reader.u8() != 0
    }
}

extension RunningModule {
    /// At most `limit` of its flows.
    func flows(limit: Int) async throws -> [TrackedFlow] {
        try await entries(of: "flows", limit: limit).map { TrackedFlow(key: $0.key, value: $0.value) }
    }
}

extension DPIType {
    /// `enum dpi_event` (`tables.h`).
    private static let events = [
        "not_ip", "malformed", "fragments", "no_flow", "table_full", "handed_up", "nobody_listens", "rate_exceeded",
        "ring_full", "flows_unanswered",
    ]
    /// `DPI_PENDING`; behind it is `DPI_UNCLASSIFIED`.
    private static let pending = 512

    public func state(of module: any RunningModule, limit: Int) async throws -> [String: TypedValue] {
        var state: [String: TypedValue] = [
            "applications": .array(try await applications(of: module).prefix(limit).map { $0 }),
            "flows": .array(try await flows(of: module, limit: limit)),
            "counts": .object(try await counts(of: module)),
        ]
        if let bytes = try await module.value(of: [0, 0, 0, 0], in: "flows_counts") {
            var reader = StructureReader(bytes)
            let names = ["entries", "inserted", "expired", "deleted", "refused"]
            state["flow_counts"] = .object(
                Dictionary(uniqueKeysWithValues: names.map { ($0, TypedValue(reader.u64())) }))
        }
        return state
    }

    /// Those that had packets, the one with the most bytes first.
    private func applications(of module: any RunningModule) async throws -> [TypedValue] {
        var rows: [(bytes: UInt64, value: TypedValue)] = []
        for entry in try await module.entries(of: "applications", limit: Self.pending + 2) {
            var key = StructureReader(entry.key)
            let number = key.u32()
            var amounts = [UInt64](repeating: 0, count: 4)
            var value = StructureReader(entry.value)
            // One value for each CPU.
            for _ in 0..<entry.value.count / (8 * amounts.count) {
                for index in amounts.indices {
                    amounts[index] &+= value.u64()
                }
            }
            guard amounts[0] > 0 else { continue }
            let row: TypedValue = [
                "application": .string(name(ofApplication: Int(number))), "packets": TypedValue(amounts[0]),
                "bytes": TypedValue(amounts[1]), "blocked": TypedValue(amounts[2]), "marked": TypedValue(amounts[3]),
            ]
            rows.append((amounts[1], row))
        }
        return rows.sorted { $0.bytes > $1.bytes }.map(\.value)
    }

    private func name(ofApplication number: Int) -> String {
        switch number {
        case Self.pending: "(pending)"
        case Self.pending + 1: "(unclassified)"
        default: ApplicationNames.known.application(UInt16(truncatingIfNeeded: number))
        }
    }

    private func flows(of module: any RunningModule, limit: Int) async throws -> [TypedValue] {
        let now = monotonicNow()
        var shown: [TypedValue] = []
        for flow in try await module.flows(limit: limit) where flow.expires == 0 || flow.expires > now {
            var verdict = flow.verdict
            // The fast path takes an answer over with the flow's next packet.
            if let bytes = try await module.value(of: flow.key.bytes, in: "answers") {
                let (answer, id) = Verdict.answer(bytes)
                if id == flow.key.id { verdict = answer }
            }
            shown.append(row(flow, verdict, now: now))
        }
        return shown
    }

    private func row(_ flow: TrackedFlow, _ verdict: Verdict, now: UInt64) -> TypedValue {
        let names = ApplicationNames.known
        let (source, destination, number) = flow.key.ends(isReversed: flow.isReversed)
        var row: [String: TypedValue] = [
            "protocol": .string(protocolName(number)),
            "source": source.text, "destination": destination.text, "packets": TypedValue(flow.packets),
            "bytes": TypedValue(flow.bytes), "inspected": TypedValue(flow.inspected),
            "age": TypedValue(now > flow.began ? (now - flow.began) / 1_000_000_000 : 0),
        ]
        guard verdict.isKnown else {
            row["verdict"] = verdict.isUnanswered ? "unanswered" : "pending"
            return .object(row)
        }
        row["verdict"] = verdict.isGuessed ? "guessed" : verdict.isFinal ? "final" : "provisional"
        row["application"] = .string(names.application(verdict.application))
        row["category"] = .string(names.category(verdict.category))
        row["master"] = verdict.master == 0 ? nil : .string(names.application(verdict.master))
        row["host"] = verdict.host.isEmpty ? nil : .string(verdict.host)
        return .object(row)
    }

    private func protocolName(_ number: UInt8) -> String {
        switch number {
        case 1: "icmp"
        case 6: "tcp"
        case 17: "udp"
        case 58: "icmpv6"
        case 132: "sctp"
        default: "\(number)"
        }
    }

    private func counts(of module: any RunningModule) async throws -> [String: TypedValue] {
        var counts: [String: TypedValue] = [:]
        for (index, event) in Self.events.enumerated() {
            let bytes = try await module.value(of: StructureBytes().u32(index).bytes, in: "events") ?? []
            var reader = StructureReader(bytes)
            // One number for each CPU.
            counts[event] = TypedValue((0..<bytes.count / 8).reduce(UInt64(0)) { sum, _ in sum &+ reader.u64() })
        }
        return counts
    }

    /// Nanoseconds of the clock that the fast path has.
    private func monotonicNow() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }
}
