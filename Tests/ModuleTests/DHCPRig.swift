// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

@testable import DHCPModule

/// A server without packets, and clients that speak to it.
struct DHCPRig {
    var server: DHCPServer
    /// In milliseconds.
    var now = 1_000_000
    /// What is on the disk.
    private(set) var kept: [IPAddress: Lease] = [:]

    static let basic = #""server_ip": "192.168.1.250", "server_mac": "b6:87:f8:5a:40:23""#

    /// - Parameter more: keys besides the address, as JSON.
    init(
        _ more: String = #""addr_low": "192.168.1.100", "addr_high": "192.168.1.103""#,
        netmask: String = "255.255.255.0",
        conflictWait: Int = 0
    ) throws {
        let config = try Self.config(more, netmask: netmask, conflictWait: conflictWait)
        server = DHCPServer(config)
        _ = server.configure(config)
    }

    static func config(
        _ more: String, netmask: String = "255.255.255.0", conflictWait: Int = 0
    ) throws -> ServerConfig {
        let keys = [basic, #""netmask": "\#(netmask)", "conflict_wait": \#(conflictWait)"#, more].filter { !$0.isEmpty }
        let reader = try ConfigReader(TypedValue(json: "{\(keys.joined(separator: ", "))}"))
        let config = try ServerConfig(reader)
        try reader.finish()
        return config
    }

    static func mac(_ number: UInt8) -> [UInt8] { [2, 0, 0, 0, 0, number] }

    /// A message of a client.
    static func message(_ kind: DHCPMessage.Kind, from client: UInt8) -> DHCPMessage {
        var message = DHCPMessage(.request, transaction: UInt32(client) << 8, hardwareAddress: mac(client))
        message.kind = kind
        message.options[.parameterRequestList] = [1, 3, 6, 15, 28, 51]
        return message
    }

    /// The actions that follow from a message.
    mutating func actions(of message: DHCPMessage, source: String = "0.0.0.0") throws -> [DHCPServer.Action] {
        let request = DHCPServer.Request(
            message: message, port: 1, station: try #require(MACAddress(bytes: message.hardwareAddress)),
            source: try #require(IPAddress(source)))
        let actions = server.receive(request, now: now)
        note(actions)
        return actions
    }

    mutating func note(_ actions: [DHCPServer.Action]) {
        for action in actions {
            switch action {
            case .keep(let lease): kept[lease.address] = lease
            case .forget(let address): kept[address] = nil
            case .send, .probe: break
            }
        }
    }

    /// The reply to a message, if there is one.
    mutating func reply(to message: DHCPMessage) throws -> DHCPServer.Reply? {
        try actions(of: message).reply
    }

    /// The message that a client gets back, as it comes over the wire.
    mutating func answer(
        _ kind: DHCPMessage.Kind, from client: UInt8, _ change: (inout DHCPMessage) throws -> Void = { _ in }
    ) throws -> DHCPMessage? {
        var message = Self.message(kind, from: client)
        try change(&message)
        return try reply(to: message).map { try DHCPMessage($0.message.bytes(atMost: 1472)) }
    }

    /// A client's whole way to an address; nil when it gets none.
    mutating func lease(_ client: UInt8) throws -> String? {
        guard let offer = try answer(.discover, from: client) else { return nil }
        let ack = try answer(.request, from: client) { message in
            message.options.set(.requestedAddress, offer.yourAddress)
            message.options[.server] = offer.options[.server]
        }
        return ack?.kind == .ack ? ack?.yourAddress.description : nil
    }
}

extension [DHCPServer.Action] {
    var reply: DHCPServer.Reply? {
        for case .send(let reply) in self {
            return reply
        }
        return nil
    }
}
