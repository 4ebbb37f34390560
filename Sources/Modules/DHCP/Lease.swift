// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// What is known of an address: who has it, or had it last.
struct Lease: Sendable, Hashable {
    enum State: String, Sendable {
        /// The client has yet to say that it takes the address.
        case offered
        case bound
        /// The client gave it back.
        case released
        /// Somebody has it who did not get it here.
        case quarantined
    }

    let address: IPAddress
    var state: State
    /// Nil for an address in quarantine.
    var client: ClientKey?
    /// Hardware type and address.
    var hardware: [UInt8] = []
    /// What the client calls itself, or is told to be called.
    var hostname: String?
    /// For how long it was granted, in seconds.
    var duration: Int
    /// When it ends, in milliseconds since the machine started.
    var end: Int

    /// Whether it still holds.
    func isLive(at now: Int) -> Bool { end > now }

    var mac: MACAddress? { hardware.first == 1 ? MACAddress(bytes: hardware.dropFirst()) : nil }
}

/// All clocks at one moment.
struct ClockReading: Sendable, Hashable {
    /// Which start of the machine it is: `/proc/sys/kernel/random/boot_id`.
    let boot: String
    /// Milliseconds since that start, sleep included; it never jumps.
    let sinceBoot: Int
    /// Milliseconds since 1970, as far as the machine knows. It can jump.
    let wall: Int
}

/// A lease on the disk.
///
/// As long as the machine runs, its end is told by the clock that never jumps. After another start only the clock on the
/// wall is left: a lease is then taken to last as long as that says, but never longer than it was granted for. Where that
/// clock stands in the future, leases seem to have ended; their clients have them back when they ask, and nobody else gets
/// an address that answers.
enum LeaseRecord {
    /// What memory calls an address.
    static func key(_ address: IPAddress) -> [UInt8] { Array("lease/\(address)".utf8) }

    static func bytes(_ lease: Lease, at clock: ClockReading) -> [UInt8] {
        var record: [String: TypedValue] = [
            "address": .string(lease.address.description), "state": .string(lease.state.rawValue),
            "hardware": .string(ClientKey.text(lease.hardware)), "seconds": TypedValue(lease.duration),
            "boot": .string(clock.boot), "end": TypedValue(lease.end),
            "wall": TypedValue(clock.wall + lease.end - clock.sinceBoot),
        ]
        if let client = lease.client {
            record[client.isIdentifier ? "identifier" : "station"] = .string(ClientKey.text(client.bytes))
        }
        record["hostname"] = lease.hostname.map { .string($0) }
        return Array(TypedValue.object(record).description.utf8)
    }

    /// Nil for what is no record.
    static func lease(_ bytes: [UInt8], at clock: ClockReading) -> Lease? {
        guard let value = try? TypedValue(json: String(decoding: bytes, as: UTF8.self)),
            case .object(let record) = value, let address = record.text("address").flatMap({ IPAddress($0) }),
            let state = record.text("state").flatMap(Lease.State.init(rawValue:)),
            let duration = record.number("seconds"), let end = record.number("end"), let wall = record.number("wall")
        else { return nil }
        let isSameBoot = record.text("boot") == clock.boot
        let left = min(max(wall - clock.wall, 0), duration * 1000)
        return Lease(
            address: address, state: state, client: client(record),
            hardware: record.text("hardware").flatMap(ClientKey.bytes) ?? [], hostname: record.text("hostname"),
            duration: duration, end: isSameBoot ? end : clock.sinceBoot + left)
    }

    private static func client(_ record: [String: TypedValue]) -> ClientKey? {
        if let identifier = record.text("identifier").flatMap(ClientKey.bytes) {
            return ClientKey(identifier: identifier)
        }
        return record.text("station").flatMap(ClientKey.bytes).map {
            ClientKey(hardwareType: $0[0], address: Array($0.dropFirst()))
        }
    }
}

extension [String: TypedValue] {
    fileprivate func text(_ key: String) -> String? {
        guard case .string(let text)? = self[key] else { return nil }
        return text
    }

    /// One that can be added to another without overflow.
    fileprivate func number(_ key: String) -> Int? {
        let number: Int? =
            switch self[key] {
            case .unsigned(let number)?: Int(exactly: number)
            case .signed(let number)?: Int(exactly: number)
            default: nil
            }
        return number.flatMap { (-1 << 50...1 << 50).contains($0) ? $0 : nil }
    }
}
