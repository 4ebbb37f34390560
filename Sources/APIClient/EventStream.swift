// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import HoverAPI
import NIOCore

/// The packets that a module sends to its slow path, as they come. They end when the module is deleted or `hoverd` stops.
public struct PacketStream: AsyncSequence, Sendable {
    /// A packet, with what the module said of it.
    public typealias Element = Packet

    let endpoint: Endpoint
    let body: HTTPClientResponse.Body

    /// Begins to read; the stream can be read once.
    public func makeAsyncIterator() -> Iterator {
        Iterator(endpoint: endpoint, body: body.makeAsyncIterator())
    }

    /// Throws `ClientError` when the connection breaks, or brings something else.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let endpoint: Endpoint
        fileprivate var body: HTTPClientResponse.Body.AsyncIterator
        private var parser = EventParser()
        private var waiting: ArraySlice<String> = []

        fileprivate init(endpoint: Endpoint, body: HTTPClientResponse.Body.AsyncIterator) {
            self.endpoint = endpoint
            self.body = body
        }

        /// The next packet; nil at the end.
        public mutating func next() async throws -> Packet? {
            while true {
                if let data = waiting.popFirst() {
                    return try decode(data)
                }
                guard let buffer = try await read() else { return nil }
                waiting = parser.take(buffer.readableBytesView)[...]
            }
        }

        private mutating func read() async throws -> ByteBuffer? {
            do {
                return try await body.next()
            } catch let error as CancellationError {
                throw error
            } catch {
                throw ClientError(error, endpoint: endpoint, limit: .zero)
            }
        }

        private func decode(_ data: String) throws(ClientError) -> Packet {
            do {
                return try JSONDecoder().decode(Packet.self, from: Data(data.utf8))
            } catch {
                throw .unexpectedAnswer(
                    endpoint, status: 200, content: String(data.prefix(200)), reason: "an event is no packet")
            }
        }
    }
}

/// Takes the data of events out of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html).
struct EventParser {
    private var line: [UInt8] = []
    private var data: [String] = []

    /// The data of the events that these bytes complete.
    mutating func take(_ bytes: some Sequence<UInt8>) -> [String] {
        var events: [String] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            if line.last == UInt8(ascii: "\r") {
                line.removeLast()
            }
            if let event = take(line: String(decoding: line, as: UTF8.self)) {
                events.append(event)
            }
            line = []
        }
        return events
    }

    private mutating func take(line: String) -> String? {
        if line.isEmpty {
            defer { data = [] }
            return data.isEmpty ? nil : data.joined(separator: "\n")
        }
        if line.hasPrefix("data:") {
            let value = line.dropFirst(5)
            data.append(String(value.hasPrefix(" ") ? value.dropFirst() : value))
        }
        return nil
    }
}
