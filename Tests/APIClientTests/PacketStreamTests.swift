// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import Testing

/// What the client makes of a stream of events.
@Suite struct PacketStreamTests {
    private static let packet =
        #"{"time":"2026-01-01T00:00:00.000000001Z","port":1,"reason":2,"metadata":[1,2,3],"length":64,"captured":2,"#
        + #""bytes":"AAE=","key":18446744073709551615}"#

    private func packets(of body: String) async throws -> [Packet] {
        let received = Results()
        _ = try await withServer(answering: { _ in Answer(type: "text/event-stream", body: body) }) { client in
            for try await packet in try await client.packets(of: "a") {
                await received.append(packet)
            }
        }
        return await received.packets
    }

    private actor Results {
        var packets: [Packet] = []

        func append(_ packet: Packet) {
            packets.append(packet)
        }
    }

    @Test func readsPacketsBetweenComments() async throws {
        let event = "event: packet\ndata: \(Self.packet)\n\n"
        let packets = try await packets(of: ": listening\n\n\(event): nothing yet\n\n\(event)\(event)")
        #expect(packets.count == 3)
        #expect(
            packets.first
                == Packet(
                    time: "2026-01-01T00:00:00.000000001Z", port: 1, reason: 2, metadata: [1, 2, 3], length: 64,
                    captured: 2, key: .max, bytes: "AAE="))
    }

    @Test(arguments: ["", ": listening\n\n", "event: packet\n\n", "event: packet\ndata: {\"unfinished"])
    func readsNothingOfStreamsWithoutPackets(body: String) async throws {
        #expect(try await packets(of: body).isEmpty)
    }

    @Test func takesTheLineEndsOfOtherServers() async throws {
        #expect(try await packets(of: "data:\(Self.packet)\r\n\r\n").count == 1)
    }

    @Test func saysWhatIsNoPacket() async throws {
        await #expect(throws: ClientError.self) { try await packets(of: "data: {}\n\n") }
    }

    @Test func throwsWhatHoverdRefuses() async throws {
        let problem = #"{"type":"about:blank","title":"x","status":404,"detail":"there is no module a"}"#
        _ = try await withServer(
            answering: { _ in Answer(status: 404, type: "application/problem+json", body: problem) }
        ) { client in
            let error = await #expect(throws: Problem.self) { _ = try await client.packets(of: "a") }
            #expect(error?.detail == "there is no module a")
        }
    }
}
