// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// What is known of a neighbour, as the table has it (`struct neighbour`, tables.h), and what becomes of that: Neighbour
/// Unreachability Detection (RFC 4861, section 7.3), which serves ARP as well.
struct Neighbour: Sendable, Hashable {
    /// `enum neighbour_state`; RFC 4861, section 7.3.2, and `failed`, as Linux has it.
    enum State: UInt32, Sendable, CaseIterable {
        case none, incomplete, reachable, stale, delay, probe, failed
    }

    /// What there is to do.
    enum Action: Sendable, Hashable {
        /// Ask for it: all stations, or the one that it is known to be.
        case ask(MACAddress?)
        /// Nobody answered: packets that wait are given up.
        case giveUp
        case remove
    }

    /// Nanoseconds.
    struct Times: Sendable, Hashable {
        /// Between questions (RFC 4861, section 10, as all that follow).
        var retransmit: UInt64 = 1_000_000_000
        var questions: UInt8 = 3
        var delay: UInt64 = 5_000_000_000
        var reachable: UInt64 = 30_000_000_000
        /// For which a neighbour that does not answer is not asked again.
        var failed: UInt64 = 3_000_000_000
        /// After which one that nobody sends to is forgotten.
        var unused: UInt64 = 1_200_000_000_000
    }

    var mac: MACAddress
    /// The fast path has sent by it while it was stale.
    var isUsed = false
    /// Questions since the last answer.
    var questions: UInt8 = 0
    var state: State
    var isRouter = false
    /// When the state began.
    var since: UInt64
    /// When it is to end.
    var due: UInt64 = 0

    /// One that is asked for, for the first time now.
    init(askedAt now: UInt64, times: Times) {
        mac = .unknown
        state = .incomplete
        since = now
        questions = 1
        due = now + times.retransmit
    }

    /// One that has said of itself where it is.
    init(heard mac: MACAddress, at now: UInt64) {
        self.mac = mac
        state = .stale
        since = now
    }

    /// Whether packets can be sent to it.
    var isUsable: Bool { state != .none && state != .incomplete && state != .failed }

    private mutating func enter(_ new: State, at now: UInt64, due: UInt64 = 0) {
        if state != new { since = now }
        state = new
        self.due = due
        isUsed = false
        if new != .probe { questions = 0 }
    }

    /// Lets time pass.
    mutating func advance(to now: UInt64, times: Times) -> Action? {
        switch state {
        case .none:
            return .remove
        case .incomplete:
            guard now >= due else { return nil }
            guard questions < times.questions else {
                enter(.failed, at: now, due: now + times.failed)
                return .giveUp
            }
            questions += 1
            due = now + times.retransmit
            return .ask(nil)
        case .reachable:
            if now >= due { enter(.stale, at: now) }
        case .stale:
            if isUsed {
                enter(.delay, at: now, due: now + times.delay)
            } else if now >= since, now - since > times.unused {
                return .remove
            }
        case .delay:
            guard now >= due else { return nil }
            enter(.probe, at: now, due: now + times.retransmit)
            questions = 1
            return .ask(mac)
        case .probe:
            guard now >= due else { return nil }
            guard questions < times.questions else { return .remove }
            questions += 1
            due = now + times.retransmit
            return .ask(mac)
        case .failed:
            if now >= due { return .remove }
        }
        return nil
    }

    /// It is there: it has answered us.
    private mutating func confirm(at now: UInt64, reachableFor time: UInt64) {
        enter(.reachable, at: now, due: now + time)
    }

    /// An ARP reply to us. One that we did not ask for moves nobody who is known to be elsewhere.
    ///
    /// - Parameter time: for which it counts.
    mutating func hearReply(from other: MACAddress, at now: UInt64, reachableFor time: UInt64) {
        if state == .incomplete {
            mac = other
            confirm(at: now, reachableFor: time)
        } else if state == .failed {
            mac = other
            enter(.stale, at: now)
        } else if mac == other {
            confirm(at: now, reachableFor: time)
        } else {
            heed(other, at: now)
        }
    }

    /// It says of itself, unasked, where it is. As the fast path does (neighbours.h, `heed`).
    mutating func heed(_ other: MACAddress, at now: UInt64) {
        if isUsable, mac == other { return }
        switch state {
        case .reachable:
            enter(.probe, at: now)
            questions = 0
        case .probe:
            break
        default:
            mac = other
            enter(.stale, at: now)
        }
    }

    /// A neighbour advertisement (RFC 4861, section 7.2.5).
    mutating func hearAdvertisement(
        from address: MACAddress?, isRouter: Bool, isSolicited: Bool, overrides: Bool, at now: UInt64,
        reachableFor time: UInt64
    ) {
        guard isUsable else {
            guard let address else { return }
            mac = address
            self.isRouter = isRouter
            if isSolicited, state == .incomplete {
                confirm(at: now, reachableFor: time)
            } else {
                enter(.stale, at: now)
            }
            return
        }
        let isOther = address != nil && address != mac
        guard overrides || !isOther else {
            if state == .reachable { enter(.stale, at: now) }
            return
        }
        mac = address ?? mac
        self.isRouter = isRouter
        if isSolicited {
            confirm(at: now, reachableFor: time)
        } else if isOther {
            enter(.stale, at: now)
        }
    }
}

extension Neighbour {
    var bytes: [UInt8] {
        StructureBytes().bytes(mac.bytes).u8(isUsed ? 1 : 0).u8(questions).u32(state.rawValue).u32(isRouter ? 1 : 0)
            .u64(since).u64(due).bytes
    }

    init?(bytes: [UInt8]) {
        var reader = StructureReader(bytes)
        guard let mac = MACAddress(bytes: reader.bytes(6)) else { return nil }
        self.mac = mac
        isUsed = reader.u8() != 0
        questions = reader.u8()
        guard let state = State(rawValue: reader.u32()) else { return nil }
        self.state = state
        isRouter = reader.u32() != 0
        since = reader.u64()
        due = reader.u64()
    }
}

/// Which neighbour: an address on the link of a port.
struct NeighbourKey: Sendable, Hashable {
    var address: IPAddress
    var port: Int

    /// `struct neighbour4` or `neighbour6`, tables.h.
    var bytes: [UInt8] { StructureBytes().bytes(address.bytes).u32(port).bytes }

    var table: String { address.isIPv4 ? "neighbours4" : "neighbours6" }

    init(address: IPAddress, port: Int) {
        self.address = address
        self.port = port
    }

    init?(bytes: [UInt8]) {
        var reader = StructureReader(bytes)
        guard bytes.count > 4, let address = IPAddress(bytes: reader.bytes(bytes.count - 4)) else { return nil }
        self.address = address
        port = Int(reader.u32())
    }

    /// What packets wait for that are held for it (`resolve4` and `resolve6`, route.h).
    var holdKey: UInt64 {
        var reader = StructureReader(address.bytes)
        if address.isIPv4 { return UInt64(port) << 56 | 4 << 48 | UInt64(reader.u32()) }
        reader.skip(8)
        return reader.u64() ^ UInt64(port) << 56
    }

    /// The neighbour that a held packet waits for.
    init?(holdKey: UInt64, metadata: SIMD3<UInt32>) {
        port = Int(metadata[2] & 0xffff)
        let isIPv6 = metadata[2] >> 16 == 6
        let bytes =
            isIPv6
            ? StructureBytes().u32(metadata[0]).u32(metadata[1]).u64(holdKey ^ UInt64(port) << 56).bytes
            : StructureBytes().u32(metadata[0]).bytes
        guard let address = IPAddress(bytes: bytes) else { return nil }
        self.address = address
    }
}
