// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Foundation
import HTTPTypes
import HoverAPI
import Hummingbird
import ServiceLifecycle

extension Response {
    /// A module's packet-ins as server-sent events, until they end, the client goes, or the server stops. A client that
    /// does not read lets the packets wait in the kernel.
    static func events(_ packets: PacketIns, to call: Call) -> Response {
        Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                defer { packets.close() }
                try await withGracefulShutdownHandler {
                    try await call.untilClientGoes {
                        try await write(packets, to: &writer)
                    } onGone: {
                        packets.close()
                    }
                } onGracefulShutdown: {
                    packets.close()
                    call.connection?.closeSoon()
                }
                try await writer.finish(nil)
            })
    }

    private static func write(_ packets: PacketIns, to writer: inout any ResponseBodyWriter) async throws {
        try await writer.write(ByteBuffer(string: ": listening\n\n"))
        while true {
            switch await packets.next(within: .seconds(15)) {
            case .packets(let batch): try await writer.write(try events(of: batch))
            case .nothing: try await writer.write(ByteBuffer(string: ": nothing yet\n\n"))
            case .end: return
            }
        }
    }

    private static func events(of batch: PacketBatch) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let clock = WallClock()
        var buffer = ByteBuffer()
        for (index, packet) in batch.enumerated() {
            var shown = Packet(packet, clock: clock)
            if index == 0, batch.missed > 0 {
                shown.missed = batch.missed
            }
            buffer.writeString("event: packet\ndata: ")
            buffer.writeBytes(try encoder.encode(shown))
            buffer.writeString("\n\n")
        }
        return buffer
    }
}

extension Call {
    /// Runs `body`, and `onGone` when the client closes its side of the connection meanwhile.
    fileprivate func untilClientGoes(
        _ body: () async throws -> Void, onGone: @escaping @Sendable () -> Void
    ) async throws {
        guard let connection else { return try await body() }
        try await connection.inbound.consumeWithInboundCloseHandler { _ in
            try await body()
        } onInboundClosed: {
            onGone()
        }
    }
}

extension PacketIns {
    fileprivate enum Next: Sendable {
        case packets(PacketBatch)
        case nothing
        case end
    }

    /// The next packets, or `.nothing` when there are none for so long.
    fileprivate func next(within limit: Duration) async -> Next {
        await withTaskGroup(of: Next.self) { group in
            group.addTask { await self.nextBatch().map { .packets($0) } ?? .end }
            group.addTask {
                try? await Task.sleep(for: limit)
                return .nothing
            }
            let first = await group.next() ?? .end
            group.cancelAll()
            // Packets that came in the same moment are not lost.
            if case .nothing = first, case .packets(let batch)? = await group.next() {
                return .packets(batch)
            }
            return first
        }
    }
}

extension Packet {
    fileprivate init(_ packet: PacketIn, clock: WallClock) {
        self.init(
            time: clock.text(of: packet.time), port: packet.port, reason: packet.reason,
            metadata: (0..<3).map { packet.metadata[$0] }, length: packet.length, captured: packet.bytes.count,
            segmentSize: packet.segmentSize > 0 ? packet.segmentSize : nil, key: packet.key,
            bytes: Data(packet.bytes).base64EncodedString())
    }
}

/// Turns the kernel's time since its start into the time of day.
struct WallClock {
    /// Nanoseconds from 1970-01-01 to the zero of CLOCK_MONOTONIC.
    private let start: Int64

    init() {
        start = Self.now(CLOCK_REALTIME) - Self.now(CLOCK_MONOTONIC)
    }

    init(start: Int64) {
        self.start = start
    }

    private static func now(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// By RFC 3339, in UTC with nanoseconds.
    func text(of monotonic: UInt64) -> String {
        let (seconds, nanoseconds) = (start + Int64(monotonic)).quotientAndRemainder(dividingBy: 1_000_000_000)
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let fraction = String(nanoseconds)
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            + "." + String(repeating: "0", count: max(0, 9 - fraction.count)) + fraction + "Z"
    }
}
