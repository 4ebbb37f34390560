// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Logging
import ModuleKit
import TypedValue

/// A built-in module as its own type reaches it.
struct ModuleAccess: RunningModule {
    let id: String
    let name: String
    let logger: Logger
    let controller: Controller
    let dataplane: Dataplane
    let store: Store

    func configurations() async -> AsyncStream<TypedValue> {
        await controller.running(id)?.configurations.values() ?? AsyncStream { $0.finish() }
    }

    func configuration() async -> TypedValue { await controller.config(ofModule: id) }

    func links() async -> AsyncStream<[Int: LinkedPort]> {
        await controller.running(id)?.links.values() ?? AsyncStream { $0.finish() }
    }

    func publish(_ addresses: PublishedAddresses, port: Int) async {
        await controller.publish(addresses, at: .port(module: id, number: port))
    }

    func packets(_ limits: SlowPathLimits) async throws -> PacketIns {
        try await dataplane.listen(toModule: id, limits: limits)
    }

    func send(_ packet: PacketOut, _ direction: PacketDirection, port: Int) async throws {
        try await dataplane.slowPath(ofModule: id).send(packet, direction, port: port)
    }

    func release(_ key: UInt64) async throws {
        try await dataplane.slowPath(ofModule: id).release(key)
    }

    func value(of key: [UInt8], in table: String) async throws -> [UInt8]? {
        let table = try await controller.table(table, ofModule: id)
        return try await dataplane.entry(key, of: table, ofModule: id).map { Array($0.joined()) }
    }

    func entries(of table: String, limit: Int) async throws -> [(key: [UInt8], value: [UInt8])] {
        let table = try await controller.table(table, ofModule: id)
        return try await dataplane.entries(of: table, ofModule: id, after: nil, limit: limit).map {
            (key: $0.key, value: Array($0.values.joined()))
        }
    }

    func set(_ value: [UInt8], for key: [UInt8], in table: String) async throws {
        let table = try await controller.table(table, ofModule: id)
        try await dataplane.setEntry(key, to: [value], of: table, ofModule: id)
    }

    func remove(_ key: [UInt8], from table: String) async throws -> Bool {
        let table = try await controller.table(table, ofModule: id)
        return try await dataplane.deleteEntry(key, of: table, ofModule: id)
    }

    func remember(_ value: [UInt8], for key: [UInt8]) async throws {
        try await store.remember(value, for: key, ofModule: id)
    }

    func forget(_ key: [UInt8]) async throws {
        try await store.forget(key, ofModule: id)
    }

    func memory() async throws -> [[UInt8]: [UInt8]] {
        try await store.memory(ofModule: id)
    }
}
