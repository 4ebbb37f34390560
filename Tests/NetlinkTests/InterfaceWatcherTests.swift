// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Netlink

@Suite(.enabled(if: getuid() == 0, "needs root"), .timeLimit(.minutes(1)))
struct InterfaceWatcherTests {
    /// A watched namespace and what was told of it.
    private struct Watched: ~Copyable {
        let namespace: PrivateNamespace
        let watcher: InterfaceWatcher
        let initial: [NetworkInterface]
        private var events: AsyncStream<[InterfaceEvent]>.Iterator

        init(bufferSize: Int32 = 1 << 20, setUp: String = "") async throws {
            let namespace = try await PrivateNamespace()
            try await namespace.ip(setUp)
            let started = try await namespace.run { try InterfaceWatcher.start(bufferSize: bufferSize) }
            self.namespace = namespace
            watcher = started.watcher
            initial = started.initial
            events = started.events.makeAsyncIterator()
        }

        deinit {
            watcher.stop()
        }

        /// Does something, and returns what is told about `name` until `isLast`.
        mutating func events(
            of name: String, after lines: String, until isLast: (InterfaceEvent) -> Bool
        ) async throws -> [InterfaceEvent] {
            try await namespace.ip(lines)
            var found: [InterfaceEvent] = []
            while let group = await next() {
                found += group.filter { $0.interface.name == name }
                if found.contains(where: isLast) { return found }
            }
            return found
        }

        mutating func next() async -> [InterfaceEvent]? {
            await events.next(isolation: nil)
        }
    }

    @Test func theLifeOfAnInterface() async throws {
        var watched = try await Watched(setUp: "link add br0 type bridge")
        let bridge = try #require(watched.initial.first { $0.name == "br0" })
        var expected = NetworkInterface(
            name: "va", index: 77, kind: "veth", isUp: false, mtu: 1500, address: "02:00:00:00:00:01", peerIndex: 78)

        // A veth is made in steps, so more than one event may tell of it.
        _ = try await watched.events(
            of: "va", after: "link add va index 77 address \(expected.address) type veth peer name vb index 78"
        ) { [expected] in $0 == .appeared(expected) || $0 == .changed(expected) }

        expected.mtu = 1400
        var events = try await watched.events(of: "va", after: "link set va mtu 1400") { $0.isChanged }
        #expect(events == [.changed(expected)])

        expected.address = "02:00:00:00:00:02"
        events = try await watched.events(of: "va", after: "link set va address 02:00:00:00:00:02") { $0.isChanged }
        #expect(events == [.changed(expected)])

        expected.name = "vc"
        events = try await watched.events(of: "vc", after: "link set va name vc") { _ in true }
        #expect(events == [.renamed(expected, was: "va")])

        expected.masterIndex = bridge.index
        events = try await watched.events(of: "vc", after: "link set vc master br0") { _ in true }
        #expect(events == [.masterChanged(expected, was: nil)])

        expected.isUp = true
        events = try await watched.events(of: "vc", after: "link set vc up") { _ in true }
        #expect(events == [.wentUp(expected)])

        expected.masterIndex = nil
        events = try await watched.events(of: "vc", after: "link set vc nomaster") { _ in true }
        #expect(events == [.masterChanged(expected, was: bridge.index)])

        expected.isUp = false
        events = try await watched.events(of: "vc", after: "link set vc down") { _ in true }
        #expect(events == [.wentDown(expected)])

        events = try await watched.events(of: "vc", after: "link del vc") { $0.isVanished }
        #expect(events.last?.isVanished == true)
        #expect(events.last?.interface.index == 77)
    }

    @Test func membersOfADeletedBridge() async throws {
        var watched = try await Watched(
            setUp: """
                link add br0 type bridge
                link add va type veth peer name vb
                link set va master br0
                """)
        let bridge = try #require(watched.initial.first { $0.name == "br0" })
        var expected = try #require(watched.initial.first { $0.name == "va" })
        #expect(expected.masterIndex == bridge.index)
        expected.masterIndex = nil
        let events = try await watched.events(of: "va", after: "link del br0") { _ in true }
        #expect(events == [.masterChanged(expected, was: bridge.index)])
    }

    @Test func movedToAnotherNamespaceAndBack() async throws {
        let other = try await PrivateNamespace()
        var watched = try await Watched(setUp: "link add va type veth peer name vb")
        let a = try #require(watched.initial.first { $0.name == "va" })
        let left = try await watched.events(of: "vb", after: "link set vb netns \(other.path)") { $0.isVanished }
        guard case .vanished(let gone, let namespace) = left.last else {
            Issue.record("\(left)")
            return
        }
        #expect(gone.name == "vb")
        let id = try #require(namespace)

        // The one that stays has a peer elsewhere now; the kernel says so with the next change.
        let changes = try await watched.events(of: "va", after: "link set va mtu 1400") { $0.interface.mtu == 1400 }
        #expect(changes.last?.interface.peerNamespaceID == id)
        #expect(changes.last?.interface.index == a.index)

        try await other.ip("link set vb netns \(watched.namespace.path)")
        let back = try await watched.events(of: "vb", after: "") { $0.isAppeared }
        #expect(back.contains { $0.isAppeared })
    }

    /// With room for a message or two most get lost; what the events add up to is true nevertheless.
    @Test(arguments: [1, 8 << 20] as [Int32])
    func nothingIsMissedInABurst(bufferSize: Int32) async throws {
        var watched = try await Watched(bufferSize: bufferSize, setUp: "link add br0 type bridge")
        let count = 100
        try await watched.namespace.ip(
            (0..<count).map {
                """
                link add x\($0) type veth peer name y\($0)
                link set x\($0) master br0
                link set y\($0) name z\($0) up
                \($0 % 3 == 0 ? "link del x\($0)" : "link set x\($0) up mtu 1400")
                """
            }.joined(separator: "\n"))
        let actual = try await watched.namespace.run { try Interfaces.list() }
        // The operational changes of a veth pair that the kernel reports later are not part of NetworkInterface.
        let expected = KnownInterfaces(actual).byIndex
        var known = Dictionary(uniqueKeysWithValues: watched.initial.map { ($0.index, $0) })
        while known != expected, let group = await watched.next() {
            for event in group {
                known[event.interface.index] = event.isVanished ? nil : event.interface
            }
        }
        #expect(Set(expected.values).symmetricDifference(known.values) == [])
    }

    @Test func stopEndsTheStream() async throws {
        var watched = try await Watched()
        watched.watcher.stop()
        watched.watcher.stop()
        while let group = await watched.next() {
            #expect(!group.isEmpty)
        }
    }

    @Test func releaseStopsToo() async throws {
        let namespace = try await PrivateNamespace()
        let events = try await namespace.run { try InterfaceWatcher.start().events }
        for await group in events {
            #expect(!group.isEmpty)
        }
    }

    @Test func noSocketIsLeft() async throws {
        let namespace = try await PrivateNamespace()
        let (before, after) = try await namespace.run {
            // The sockets of this namespace alone, whatever other tests of this process have open. Not the kernel's own,
            // of port 0: while its table of all namespaces' sockets grows, some may be listed twice.
            func sockets() throws -> [[Substring]] {
                try String(contentsOfFile: "/proc/thread-self/net/netlink", encoding: .utf8).split(separator: "\n")
                    .dropFirst().map { $0.split(separator: " ") }.filter { $0[2] != "0" }
            }
            let watcher = try InterfaceWatcher.start().watcher
            let before = try sockets()
            watcher.stop()
            for _ in 0..<100 {
                try InterfaceWatcher.start().watcher.stop()
            }
            return (before, try sockets())
        }
        #expect(!before.isEmpty, "those of a watcher")
        #expect(after == [])
    }
}

extension InterfaceEvent {
    fileprivate var interface: NetworkInterface {
        switch self {
        case .appeared(let interface), .renamed(let interface, _), .wentUp(let interface), .wentDown(let interface),
            .masterChanged(let interface, _), .changed(let interface), .vanished(let interface, _):
            interface
        }
    }

    fileprivate var isAppeared: Bool { if case .appeared = self { true } else { false } }
    fileprivate var isChanged: Bool { if case .changed = self { true } else { false } }
    fileprivate var isVanished: Bool { if case .vanished = self { true } else { false } }
}
