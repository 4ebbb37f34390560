// SPDX-License-Identifier: Apache-2.0

import Dataplane
import HoverAPI

extension Components {
    static let packets = [
        Component(
            Packet.self, "A packet that a module sent to its slow path.",
            .object([
                .required("time", .string, "When it came, by RFC 3339 in UTC with nanoseconds."),
                .required(
                    "port", .integer(1...1000),
                    "The port that the module received it by; of a policy 1 (ingress) or 2 (egress)."),
                .required("reason", .uint32, "Why it was sent, in the module's own numbers."),
                .required("metadata", .array(of: .uint32), "Three numbers that the module sent with it."),
                .required("length", .count, "Bytes of the whole frame."),
                .required("captured", .count, "How many of them are in `bytes`."),
                .optional("segment_size", .count, "Of a GSO packet: bytes of payload in each of its segments."),
                .optional(
                    "key", .uint64,
                    "What the packet waits for, when the module has it held: `…/holds/{hold}/release` lets it go on."),
                .optional(
                    "missed", .count, "Packets before it that this listener missed, because another one reads faster."),
                .required("bytes", .base64, "The frame from its Ethernet header."),
            ])),
        Component(
            PacketRequest.self, "A packet to be sent.",
            .object([
                .required("port", .integer(1...1000), "A port of the module."),
                .required(
                    "direction", .string(choices: PacketRequest.Direction.allCases.map(\.rawValue)),
                    "`in`: into the port, as if the module received it there. `out`: to what is linked to the port."),
                .required("bytes", .base64, "The frame from its Ethernet header, 14 to 65,535 bytes."),
                .optional("segment_size", .integer(0...65_535), "Of a GSO packet: bytes of payload in each segment."),
            ])),
        Component(
            HoverAPI.SlowPath.self, "What a module may send to its slow path, and what came of it.",
            .object([
                .required("rate", .uint32, "Packets a second; the kernel drops what is more, as `controller_rate`."),
                .required("burst", .uint32, "Packets at once, after a time without any."),
                .required("snap_length", .uint32, "The most bytes of a packet that it gets; held packets come whole."),
                .required(
                    "listeners", .count, "How many listen. While nobody does, packets are dropped, as `controller`."),
                .required("held", .count, "Packets that are held."),
                .required("expired", .uint64, "Held packets that were given up because no answer came in time."),
                .required("overflowed", .uint64, "Held packets that were given up for younger ones."),
            ])),
        Component(
            SlowPathUpdate.self,
            "What to change of a slow path's limits; what is left out stays, but a rate without a burst brings its own.",
            .object([
                .optional("rate", limit(.rate), "Packets a second; 10,000 at first."),
                .optional(
                    "burst", limit(.burst), "Packets at once; without, what the rate gives in 100 ms, at least 64."),
                .optional("snap_length", limit(.snapLength), "The most bytes of a packet; 1536 at first."),
            ])),
        Component(
            Released.self, "What came of a release.",
            .object([.required("released", .count, "How many packets were held, and go on now.")])),
    ]

    /// A limit of a slow path, by its name in queries.
    enum Limit: String, CaseIterable {
        case rate, burst
        case snapLength = "snap_length"
    }

    /// What a limit can be.
    static func limit(_ limit: Limit) -> Schema {
        let range =
            switch limit {
            case .rate: SlowPathLimits.rates
            case .burst: SlowPathLimits.bursts
            case .snapLength: SlowPathLimits.snapLengths
            }
        return .integer(Int128(range.lowerBound)...Int128(range.upperBound))
    }
}
