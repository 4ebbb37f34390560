// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Netlink
import Testing
import TypedValue

@testable import RouterModule

private func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }

/// Routes that come from elsewhere.
@Suite("Router: learned routes")
struct RouterLearnedTests {
    private func hops(_ last: UInt8...) -> [Hop] {
        last.map { Hop(gateway: IPAddress(ipv4: 0x0a00_0000 + UInt32($0)), port: 1) }
    }

    @Test func onlyWhatDiffersIsChanged() throws {
        var learned = LearnedRoutes()
        let a = try prefix("10.1.0.0/16")
        let b = try prefix("10.2.0.0/16")
        #expect(learned.change(to: [a: .hops(hops(1)), b: .blackhole]).count == 2)
        #expect(learned.change(to: [a: .hops(hops(1)), b: .blackhole]).isEmpty)
        #expect(learned.change(to: [a: .hops(hops(1))]) == [.remove(b)])
        let set = learned.change(to: [a: .hops(hops(1, 2))])
        #expect(set.count == 3)
        #expect(set.first == .setPath(index: 0, hops(1)[0]), "next hops before the route to them")
    }

    @Test func nextHopsThatAreReadAreNotOverwritten() throws {
        var learned = LearnedRoutes(room: 4)
        let a = try prefix("10.1.0.0/16")
        _ = learned.change(to: [a: .hops(hops(1, 2))])
        let changes = learned.change(to: [a: .hops(hops(3, 4))])
        #expect(changes.contains(.setPath(index: 2, hops(3)[0])), "the old ones stay until the route is gone")
        #expect(learned.change(to: [a: .hops(hops(5, 6))]).contains(.setPath(index: 0, hops(5)[0])))
        let b = try prefix("10.2.0.0/16")
        let c = try prefix("10.3.0.0/16")
        _ = learned.change(to: [a: .hops(hops(5, 6)), b: .hops(hops(7, 8))])
        _ = learned.change(to: [a: .hops(hops(5, 6)), b: .hops(hops(7, 8)), c: .hops(hops(9, 10))])
        #expect(learned.reduced == 1, "no room: one next hop is better than none")
        #expect(learned.routes[c] == .hops(hops(9)))
    }

    @Test func routesThatFoundNoRoomAreSetWhereOthersGo() throws {
        var learned = LearnedRoutes()
        let (a, b) = (try prefix("10.1.0.0/16"), try prefix("10.2.0.0/16"))
        let (c, six) = (try prefix("10.3.0.0/16"), try prefix("2001:db8::/48"))
        _ = learned.change(to: [a: .blackhole, b: .hops(hops(1, 2)), c: .blackhole, six: .blackhole])
        learned.miss(b)
        learned.miss(six)
        var changes = learned.change(to: [b: .hops(hops(1, 2)), c: .blackhole, six: .blackhole])
        #expect(changes == [.remove(a)])
        let again = learned.refill(after: changes)
        #expect(
            again == [.set(b, bytes: Route.hops(hops(1, 2)).bytes(prefixLength: 16, first: 0))], "only IPv4 has room")
        changes = learned.change(to: [c: .blackhole, six: .blackhole])
        #expect(learned.refill(after: changes).isEmpty)
        changes = learned.change(to: [c: .blackhole])
        #expect(changes == [.remove(six)])
        #expect(learned.refill(after: changes).isEmpty, "what is no longer wanted is not missing")
    }

    @Test func theKernelsRoutesAreMappedByTheirGateways() throws {
        var port = PortPlan(number: 3, name: "wan")
        port.addresses = [try prefix("192.0.2.2/24"), try prefix("2001:db8::2/64")]
        let mapper = KernelRouteMapper(ports: [port])
        func route(
            _ to: [UInt8], _ length: Int, _ gateway: String?, dev: String = "x", metric: UInt32 = 0, by: UInt8 = 186
        )
            -> KernelRoute
        {
            KernelRoute(
                destination: to, prefixLength: length, priority: metric, protocolNumber: by,
                hops: [.init(gateway: gateway.flatMap { IPAddress($0)?.bytes }, interface: dev)])
        }
        let mapped = mapper.routes([
            route([10, 1, 0, 0], 16, "192.0.2.1", metric: 20),
            route([10, 1, 0, 0], 16, "192.0.2.9", metric: 10),
            route([10, 2, 0, 0], 16, "198.51.100.1"),
            route([10, 3, 0, 0], 16, nil),
            route([10, 4, 0, 0], 16, nil, dev: "wan"),
            route([10, 5, 0, 0], 16, "192.0.2.1", by: 2),
            route([224, 0, 0, 0], 4, "192.0.2.1"),
            route([UInt8](repeating: 0, count: 16), 0, "fe80::1", dev: "wan"),
        ])
        #expect(
            mapped == [
                try prefix("10.1.0.0/16"): .hops([Hop(gateway: IPAddress("192.0.2.9"), port: 3)]),
                try prefix("10.4.0.0/16"): .hops([Hop(gateway: nil, port: 3)]),
                try prefix("::/0"): .hops([Hop(gateway: IPAddress("fe80::1"), port: 3)]),
            ])
    }

    @Test func aLeaseIsAnAddressAndADefaultRoute() throws {
        let lease = Lease(address: try prefix("192.0.2.9/24"), gateway: IPAddress("192.0.2.1"))
        #expect(lease.bytes.count == 12)
        #expect(Lease(bytes: lease.bytes) == lease)
        #expect(Lease(bytes: [UInt8](repeating: 0, count: 12)) == nil)
        let routes = lease.routes(port: 2)
        #expect(routes[try prefix("0.0.0.0/0")] == .hops([Hop(gateway: IPAddress("192.0.2.1"), port: 2)]))
        #expect(routes[try prefix("192.0.2.9/32")] == .local(port: 2))
        #expect(routes.count == 5)
    }

    @Test func tablesAreReadAsTheyAreWritten() throws {
        for route in [
            .local(port: 64), .broadcast(port: 1), .blackhole, .unreachable, .prohibit, .hops(hops(1)),
            .hops([Hop(gateway: nil, port: 9)]), .hops([Hop(gateway: IPAddress("fe80::1"), port: 9)]),
            .hops(hops(1, 2, 3)),
        ] as [Route] {
            let bytes = route.bytes(prefixLength: 24, first: 7)
            #expect(bytes.count == 28)
            #expect(Route(bytes: bytes) { first, count in first == 7 && count == 3 ? hops(1, 2, 3) : nil } == route)
        }
    }
}
