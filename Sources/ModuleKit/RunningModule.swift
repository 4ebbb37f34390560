// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Logging
import TypedValue

/// A module in the kernel, as its type's slow path and `state` reach it.
public protocol RunningModule: Sendable {
    /// `m:<uuid>`.
    var id: String { get }
    /// The display name, when the slow path began.
    var name: String { get }
    var logger: Logger { get }

    /// The configuration in force, then each one that takes its place.
    func configurations() async -> AsyncStream<TypedValue>
    /// The configuration in force.
    func configuration() async -> TypedValue

    /// What its ports are linked to at present, then each time when that changes.
    func links() async -> AsyncStream<[Int: LinkedPort]>

    /// Tells the module at the other end of a port's link which addresses this one has there, and for which others it
    /// takes packets. Nobody remembers them: a slow path tells them each time when it begins.
    func publish(_ addresses: PublishedAddresses, port: Int) async

    /// The packets that the fast path sends up (`pkt_controller`, `pkt_hold`).
    func packets(_ limits: SlowPathLimits) async throws -> PacketIns
    /// Sends a packet into a port of the module, or out of one.
    func send(_ packet: PacketOut, _ direction: PacketDirection, port: Int) async throws
    /// Sends the packets that wait for a key (`pkt_hold`) into the ports that they came by.
    func release(_ key: UInt64) async throws

    /// The value of a key in a table; nil when there is none. Per-CPU values come one behind the other.
    func value(of key: [UInt8], in table: String) async throws -> [UInt8]?
    /// At most `limit` entries of a table.
    func entries(of table: String, limit: Int) async throws -> [(key: [UInt8], value: [UInt8])]
    /// Sets an entry of a table.
    func set(_ value: [UInt8], for key: [UInt8], in table: String) async throws
    /// Removes an entry; false when there was none.
    @discardableResult
    func remove(_ key: [UInt8], from table: String) async throws -> Bool

    /// Keeps something over the end of `hoverd` and a reboot: it is on the disk when this returns.
    func remember(_ value: [UInt8], for key: [UInt8]) async throws
    /// What was remembered under a key is no longer needed.
    func forget(_ key: [UInt8]) async throws
    /// All that is remembered.
    func memory() async throws -> [[UInt8]: [UInt8]]
}

/// What a module tells the one at the other end of a link.
public struct PublishedAddresses: Sendable, Hashable {
    /// Its own at the link, each with the length of its subnet.
    public var own: [IPPrefix]
    /// Prefixes of addresses that it translates: packets for them are to be sent to it.
    public var translated: [IPPrefix]

    public init(own: [IPPrefix] = [], translated: [IPPrefix] = []) {
        self.own = own
        self.translated = translated
    }
}

/// What a port is linked to.
public struct LinkedPort: Sendable, Hashable {
    /// The name of the module or interface.
    public var peer: String
    /// The interface's MTU; nil for a module.
    public var mtu: Int?
    /// The interface's own Ethernet address; nil for a module.
    public var address: MACAddress?
    /// What the module there says of its addresses (`publish`); nil when it has not said anything yet.
    public var published: PublishedAddresses?

    public init(peer: String, mtu: Int? = nil, address: MACAddress? = nil, published: PublishedAddresses? = nil) {
        self.peer = peer
        self.mtu = mtu
        self.address = address
        self.published = published
    }
}
