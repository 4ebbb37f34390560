// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Netlink

@Suite struct KnownInterfacesTests {
    private let old = NetworkInterface(
        name: "a", index: 2, kind: "veth", isUp: false, mtu: 1500, address: "02:00:00:00:00:01")

    private func changed(_ change: (inout NetworkInterface) -> Void) -> (NetworkInterface, [InterfaceEvent]) {
        var known = KnownInterfaces([old])
        var new = old
        change(&new)
        let events = known.take(.present(new))
        #expect(known.byIndex == [2: new])
        #expect(known.take(.present(new)) == [], "what is known is no news")
        return (new, events)
    }

    @Test func appearedAndVanished() {
        var known = KnownInterfaces([])
        #expect(known.take(.present(old)) == [.appeared(old)])
        #expect(known.take(.absent(index: 2, movedTo: 1)) == [.vanished(old, movedTo: 1)])
        #expect(known.take(.absent(index: 2, movedTo: nil)) == [])
        #expect(known.byIndex.isEmpty)
    }

    @Test func oneChange() {
        let (renamed, rename) = changed { $0.name = "b" }
        #expect(rename == [.renamed(renamed, was: "a")])
        let (up, upEvents) = changed { $0.isUp = true }
        #expect(upEvents == [.wentUp(up)])
        let (member, join) = changed { $0.masterIndex = 9 }
        #expect(join == [.masterChanged(member, was: nil)])
        let (mtu, mtuEvents) = changed { $0.mtu = 9000 }
        #expect(mtuEvents == [.changed(mtu)])
        let (address, addressEvents) = changed { $0.address = "02:00:00:00:00:02" }
        #expect(addressEvents == [.changed(address)])
        let (peer, peerEvents) = changed { $0.peerNamespaceID = 0 }
        #expect(peerEvents == [.changed(peer)])
    }

    @Test func severalChangesAtOnce() {
        let (new, events) = changed { ($0.name, $0.isUp, $0.masterIndex, $0.mtu) = ("b", true, 9, 9000) }
        #expect(events == [.renamed(new, was: "a"), .masterChanged(new, was: nil), .wentUp(new), .changed(new)])
    }

    @Test func wentDown() {
        var up = old
        up.isUp = true
        var known = KnownInterfaces([up])
        #expect(known.take(.present(old)) == [.wentDown(old)])
    }

    /// After a loss: the name of a deleted interface may be another's.
    @Test func differencesOfAList() {
        var known = KnownInterfaces([old])
        var successor = old
        successor.index = 3
        #expect(known.take(list: [successor]) == [.vanished(old, movedTo: nil), .appeared(successor)])
        #expect(known.take(list: [successor]) == [])
        #expect(known.byIndex == [3: successor])
    }
}
