// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

@testable import RouterModule

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

private func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }

/// What a router makes of what a provider gives.
@Suite("Router: providers") struct RouterProviderTests {
    private func subnet(_ number: Int) throws -> DelegatedSubnet {
        try DelegatedSubnet(ConfigReader(["from": "wan", "subnet": TypedValue(number)]))
    }

    @Test(arguments: [
        ("2001:db8:100::/56", 0, "2001:db8:100::1/64"), ("2001:db8:100::/56", 255, "2001:db8:100:ff::1/64"),
        ("2001:db8:100:ab00::/56", 3, "2001:db8:100:ab03::1/64"), ("2001:db8:1::/48", 0xbeef, "2001:db8:1:beef::1/64"),
        ("2001:db8::/32", 0x1234_5678, "2001:db8:1234:5678::1/64"), ("2001::/16", 7, "2001:0:0:7::1/64"),
        ("2001:db8:5:5::/64", 0, "2001:db8:5:5::1/64"),
    ])
    func subnetsArePartsOfThePrefix(whole: String, number: Int, expected: String) throws {
        #expect(try subnet(number).address(in: prefix(whole)) == prefix(expected))
    }

    @Test(arguments: [
        ("2001:db8:100::/56", 256), ("2001:db8:5:5::/64", 1), ("2001:db8:100::/65", 0), ("10.0.0.0/8", 0),
    ])
    func whatAPrefixDoesNotHaveIsNobodys(whole: String, number: Int) throws {
        #expect(try subnet(number).address(in: prefix(whole)) == nil)
    }

    private func client(remembering gateway: IPAddress? = nil) throws -> ProviderClient {
        ProviderClient(mac: try #require(MACAddress("02:00:00:00:00:01")), remembering: gateway, now: 0)
    }

    /// Three times four seconds apart, then more and more seldom, at most an hour (RFC 4861, 10; RFC 7559).
    @Test func routersAreAskedForUntilOneIsHeard() throws {
        var client = try client()
        var times: [Int] = []
        for second in 0..<20_000 where client.advance(to: second * 1000) { times.append(second) }
        #expect(times.prefix(6) == [0, 4, 8, 12, 20, 36])
        #expect(zip(times, times.dropFirst()).map { $1 - $0 }.max() == 3600)
        client.hear(try address("fe80::1"), lifetime: 60, now: 20_000_000)
        var more: [Int] = []
        for second in 20_000...20_060 where client.advance(to: second * 1000) { more.append(second) }
        #expect(more == [20_060], "its time is over")
        #expect(client.gateway(after: nil) == nil)
    }

    @Test func theRouterInUseIsKept() throws {
        var client = try client()
        let (one, other) = (try address("fe80::1"), try address("fe80::2"))
        client.hear(other, lifetime: 60, now: 0)
        #expect(client.gateway(after: nil) == other)
        client.hear(one, lifetime: 1800, now: 0)
        #expect(client.gateway(after: other) == other)
        client.hear(other, lifetime: 0, now: 1000)
        #expect(client.gateway(after: other) == one)
    }

    @Test func moreRoutersThanThereCanBeAreNotNoted() throws {
        var client = try client()
        let routers = try (1...17).map { try address("fe80::\($0)") }
        for router in routers { client.hear(router, lifetime: 1800, now: 0) }
        for router in routers.prefix(16) { client.hear(router, lifetime: 0, now: 0) }
        #expect(client.gateway(after: nil) == nil)
        client.hear(routers[16], lifetime: 1800, now: 0)
        #expect(client.gateway(after: nil) == routers[16])
    }

    @Test func aRouterThatIsRememberedCountsForAWhile() throws {
        let router = try address("fe80::1")
        var client = try client(remembering: router)
        let asks = client.advance(to: 0)
        #expect(asks, "it is asked whether it is there")
        #expect(client.gateway(after: router) == router)
        _ = client.advance(to: 11_999)
        #expect(client.gateway(after: router) == router)
        _ = client.advance(to: 12_000)
        #expect(client.gateway(after: router) == nil)
    }

    /// - Parameter others: prefixes besides 2001:db8:100::/56, as options.
    private func reply(_ others: [UInt8] = []) -> DHCPv6Message {
        var message = DHCPv6Message(.reply, transaction: 1)
        message.append(.server, [1])
        let prefix = StructureBytes().be16(26).be16(25).be32(600).be32(1000).u8(56)
            .bytes([0x20, 1, 0xd, 0xb8, 1] + [UInt8](repeating: 0, count: 11)).bytes
        message.append(.delegatedPrefix, StructureBytes().be32(1).be32(0).be32(0).bytes(prefix).bytes(others).bytes)
        return message
    }

    @Test func provisionsAreRememberedWithTheirAge() throws {
        let message = reply()
        let provision = Provision(
            gateway: try address("fe80::1"), delegation: PrefixDelegation(message, start: 5000),
            message: message.bytes)
        let bytes = provision.bytes(now: 105_000, wall: 1_000_000)
        // After a reboot: the clock that never jumps has begun anew, and 300 s have gone by.
        let again = Provision(bytes: bytes, now: 20_000, wall: 1_300_000)
        #expect(again.gateway == provision.gateway)
        #expect(again.delegation?.prefix == provision.delegation?.prefix)
        #expect(try #require(again.delegation).remaining(at: 20_000) == (200, 600))
        #expect(Provision(bytes: bytes, now: 20_000, wall: 2_000_000).delegation == nil, "its time is over")
        #expect(Provision(bytes: bytes, now: 20_000, wall: 0).delegation?.start == 20_000, "a clock that was set back")
        let none = Provision(gateway: try address("fe80::1"))
        #expect(Provision(bytes: none.bytes(now: 0, wall: 0), now: 9, wall: 9) == none)
    }

    /// Of several prefixes a router stays with the one that it has, also over a restart.
    @Test func thePrefixInUseIsRemembered() throws {
        let longer = StructureBytes().be16(26).be16(25).be32(900).be32(1000).u8(56)
            .bytes([0x20, 1, 0xd, 0xb8, 2] + [UInt8](repeating: 0, count: 11)).bytes
        let message = reply(longer)
        let current = try prefix("2001:db8:100::/56")
        let delegation = try #require(PrefixDelegation(message, start: 0, current: current))
        #expect(delegation.prefix == current)
        let bytes = Provision(delegation: delegation, message: message.bytes).bytes(now: 0, wall: 0)
        #expect(Provision(bytes: bytes, now: 0, wall: 0).delegation?.prefix == current)
    }

    @Test func whatIsNotDelegatedFurtherIsNowhere() throws {
        let provision = Provision(
            gateway: try address("fe80::1"), delegation: PrefixDelegation(reply(), start: 0))
        let routes = provision.routes(port: 2)
        #expect(routes[try prefix("::/0")] == .hops([Hop(gateway: try address("fe80::1"), port: 2)]))
        #expect(routes[try prefix("2001:db8:100::/56")] == .unreachable)
        #expect(routes.count == 2)
    }

    @Test func advertisementsSayHowLongAPrefixLasts() throws {
        let delegated = AdvertisedPrefix(try prefix("2001:db8:100:3::1/64"), remaining: (50, 100))
        #expect(delegated.prefix == (try prefix("2001:db8:100:3::/64")))
        #expect((delegated.preferredLifetime, delegated.validLifetime) == (50, 100))
        let forever = AdvertisedPrefix(try prefix("2001:db8:100:3::1/64"), remaining: (nil, nil))
        #expect((forever.preferredLifetime, forever.validLifetime) == (0xffff_ffff, 0xffff_ffff))
    }
}
