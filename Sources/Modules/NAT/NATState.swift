// SPDX-License-Identifier: Apache-2.0

import Glibc
import ModuleKit
import TypedValue

/// `struct session_key`: a packet as it comes in.
struct SessionKey: Hashable {
    var source: UInt32
    var destination: UInt32
    var sourcePort: UInt16
    var destinationPort: UInt16
    var number: UInt8
    var from: UInt8

    init(_ reader: inout StructureReader) {
        source = reader.be32()
        destination = reader.be32()
        sourcePort = reader.be16()
        destinationPort = reader.be16()
        number = reader.u8()
        from = reader.u8()
        reader.skip(2)
    }

    var protocolName: String {
        switch number {
        case 1: "icmp"
        case 6: "tcp"
        case 17: "udp"
        default: "\(number)"
        }
    }
}

/// An address, with a port if there is one.
func endText(_ address: UInt32, _ port: UInt16) -> TypedValue {
    .string("\(IPAddress(ipv4: address))" + (port == 0 ? "" : ":\(port)"))
}

extension NATType {
    /// `enum reason`, in its order.
    static let reasons = [
        "malformed", "no_public_address", "no_port", "sessions_full", "client_limit", "unmatched", "not_ours",
        "filtered", "no_connection", "icmp_unrelated", "fragment_unknown", "busy", "failed",
    ]
    /// `enum session_state`, in its order.
    private static let states = ["new", "established", "closing", "reset"]

    public func state(of module: any RunningModule, limit: Int) async throws -> [String: TypedValue] {
        var state: [String: TypedValue] = [
            "drops": .object(try await drops(of: module)),
            "clients": .array(try await clients(of: module, limit: limit)),
            "sessions": .array(try await sessions(of: module, limit: limit)),
        ]
        if let bytes = try await module.value(of: Self.only, in: "sessions_counts") {
            var reader = StructureReader(bytes)
            var counts: [String: TypedValue] = [:]
            for name in ["now", "begun", "expired", "removed", "refused"] {
                counts[name] = TypedValue(reader.u64())
            }
            state["session_counts"] = .object(counts)
        }
        if let bytes = try await module.value(of: Self.only, in: "public_address") {
            var reader = StructureReader(bytes)
            let address = IPAddress(ipv4: reader.be32())
            state["learned_public_address"] = address.isUnspecified ? .null : .string("\(address)")
        }
        return state
    }

    private static let only = StructureBytes().u32(0).bytes

    private func drops(of module: any RunningModule) async throws -> [String: TypedValue] {
        var drops: [String: TypedValue] = [:]
        for (index, reason) in Self.reasons.enumerated() {
            let bytes = try await module.value(of: StructureBytes().u32(index).bytes, in: "drops") ?? []
            var reader = StructureReader(bytes)
            // One number for each CPU.
            drops[reason] = TypedValue((0..<bytes.count / 8).reduce(UInt64(0)) { sum, _ in sum &+ reader.u64() })
        }
        return drops
    }

    private func clients(of module: any RunningModule, limit: Int) async throws -> [TypedValue] {
        try await module.entries(of: "clients", limit: limit).map { entry in
            var key = StructureReader(entry.key)
            var value = StructureReader(entry.value)
            return ["address": .string("\(IPAddress(ipv4: key.be32()))"), "sessions": TypedValue(value.u32())]
        }
    }

    /// Each session once, by the entry of who began.
    private func sessions(of module: any RunningModule, limit: Int) async throws -> [TypedValue] {
        let now = monotonicNow()
        var sessions: [TypedValue] = []
        for entry in try await module.entries(of: "sessions", limit: 2 * limit) where sessions.count < limit {
            var reader = StructureReader(entry.key)
            let key = SessionKey(&reader)
            reader = StructureReader(entry.value)
            let translated = (source: reader.be32(), destination: reader.be32())
            let ports = (source: reader.be16(), destination: reader.be16())
            reader.skip(8)
            let slot = reader.u32()
            guard slot > 0,
                let bytes = try await module.value(of: StructureBytes().u32(slot - 1).bytes, in: "sessions_slots")
            else { continue }
            reader = StructureReader(bytes)
            let due = reader.u64()
            let seen = reader.u64()
            let began = reader.u64()
            guard due > 0, SessionKey(&reader) == key else { continue }
            reader.skip(16 + 12)
            let state = Int(reader.u8())
            sessions.append([
                "protocol": .string(key.protocolName),
                "from": key.from == 1 ? "inside" : "outside",
                "source": endText(key.source, key.sourcePort),
                "destination": endText(key.destination, key.destinationPort),
                "translated_source": endText(translated.source, ports.source),
                "translated_destination": endText(translated.destination, ports.destination),
                "state": .string(state < Self.states.count ? Self.states[state] : "\(state)"),
                "age": TypedValue(now > began ? (now - began) / 1_000_000_000 : 0),
                // As of the last visit of the timer.
                "idle": TypedValue(now > seen ? (now - seen) / 1_000_000_000 : 0),
            ])
        }
        return sessions
    }

    /// Nanoseconds of the clock that the fast path has.
    private func monotonicNow() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }
}
