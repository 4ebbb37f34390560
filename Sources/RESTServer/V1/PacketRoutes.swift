// SPDX-License-Identifier: Apache-2.0

import Controller
import Dataplane
import Foundation
import HTTPTypes
import HoverAPI
import Hummingbird

/// `/v1/modules/{module}/packets`, `…/holds` and `…/slow-path`.
enum PacketRoutes {
    static let all = [
        Route(
            method: .get, path: "/v1/modules/{module}/packets",
            operation: Operation(
                id: "streamPackets", tag: "packets",
                summary:
                    "Listens to what a module sends to its slow path: an event `packet` for each packet, until the "
                    + "module is deleted. Several may listen.",
                query: Components.Limit.allCases.map {
                    .init(
                        name: $0.rawValue, schema: Components.limit($0),
                        description: "Changes this limit of the module, as PATCH of its slow path does.")
                },
                success: .init(
                    content: .events(.of(Packet.self)),
                    description:
                        "The events. Comments come first, so that one knows that packets come from now on, and "
                        + "every 15 seconds without packets."),
                errors: [.notFound, .conflict]),
            handler: stream),
        Route(
            method: .post, path: "/v1/modules/{module}/packets",
            operation: Operation(
                id: "sendPackets", tag: "packets",
                summary: "Sends packets into a module's ports or out of them, in order. All are checked before the "
                    + "first is sent.",
                request: .oneOrMore(of: .of(PacketRequest.self)),
                success: .init(
                    status: .noContent,
                    description: "They are sent; what became of them then is in the modules' counters."),
                errors: [.notFound, .conflict]),
            handler: send),
        Route(
            method: .post, path: "/v1/modules/{module}/holds/{hold}/release",
            operation: Operation(
                id: "releaseHold", tag: "packets",
                summary: "Sends all packets that a module had held for one thing into it again, oldest first.",
                success: .init(content: .json(.of(Released.self)), description: "How many there were."),
                errors: [.notFound, .conflict]),
            handler: release),
        Route(
            method: .get, path: "/v1/modules/{module}/slow-path",
            operation: Operation(
                id: "getSlowPath", tag: "packets",
                summary: "What a module may send to its slow path, and what came of it.",
                success: .init(content: .json(.of(HoverAPI.SlowPath.self)), description: "The slow path."),
                errors: [.notFound, .conflict]),
            handler: get),
        Route(
            method: .patch, path: "/v1/modules/{module}/slow-path",
            operation: Operation(
                id: "updateSlowPath", tag: "packets", summary: "Changes what a module may send to its slow path.",
                request: .of(SlowPathUpdate.self),
                success: .init(content: .json(.of(HoverAPI.SlowPath.self)), description: "The slow path as it is now."),
                errors: [.notFound, .conflict]),
            handler: update),
    ]

    private static func stream(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        guard call.body.isEmpty else {
            throw HoverError(.invalid, "listening takes no body: give limits in the query, as in ?rate=100")
        }
        let change = SlowPathChange(
            rate: try number(.rate, of: call), burst: try number(.burst, of: call),
            snapLength: try number(.snapLength, of: call))
        return .events(try await backend.controller.packetIns(of: call["module"], change), to: call)
    }

    private static func number(_ limit: Components.Limit, of call: Call) throws(HoverError) -> Int? {
        guard let text = call.query[limit.rawValue] else { return nil }
        guard let number = Int(text) else {
            throw HoverError(.invalid, "\(limit.rawValue): expected an integer, found \(text)")
        }
        return number
    }

    private static func send(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        var packets: [PacketOutRequest] = []
        for request in try call.decodeOneOrMore(PacketRequest.self) {
            packets.append(try PacketOutRequest(request))
        }
        try await backend.controller.packetOut(packets, of: call["module"])
        return .noContent
    }

    private static func release(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        guard let key = UInt64(call["hold"]) else {
            throw HoverError(.invalid, "a hold's key is a number from 0 to \(UInt64.max), not \(call["hold"])")
        }
        return try .json(Released(released: try await backend.controller.release(key, of: call["module"])))
    }

    private static func get(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        try .json(HoverAPI.SlowPath(try await backend.controller.slowPath(of: call["module"])))
    }

    private static func update(_ backend: Backend, _ call: Call) async throws(HoverError) -> Response {
        let limits = try call.decode(SlowPathUpdate.self)
        let change = SlowPathChange(rate: limits.rate, burst: limits.burst, snapLength: limits.snapLength)
        return try .json(HoverAPI.SlowPath(try await backend.controller.updateSlowPath(of: call["module"], change)))
    }
}

extension PacketOutRequest {
    init(_ request: PacketRequest) throws(HoverError) {
        guard let bytes = Data(base64Encoded: request.bytes) else {
            throw HoverError(.invalid, "bytes: expected base64, found other characters or a wrong length")
        }
        self.init(
            PacketOut([UInt8](bytes), segmentSize: request.segmentSize ?? 0),
            request.direction == .in ? .into : .outOf, port: request.port)
    }
}

extension HoverAPI.SlowPath {
    init(_ state: SlowPathState) {
        self.init(
            rate: state.limits.rate, burst: state.limits.burst, snapLength: state.limits.snapLength,
            listeners: state.listeners, held: state.holds.held, expired: state.holds.expired,
            overflowed: state.holds.overflowed)
    }
}
