// SPDX-License-Identifier: Apache-2.0

import Testing
import TypedValue

@Suite struct NetworkAddressTests {
    @Test(arguments: [
        ("10.1.2.3/24", "10.1.2.0", "10.1.2.255"), ("10.1.2.3/0", "0.0.0.0", "255.255.255.255"),
        ("10.1.2.3/32", "10.1.2.3", "10.1.2.3"), ("10.1.2.3/31", "10.1.2.2", "10.1.2.3"),
        ("2001:db8::1/33", "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"),
    ])
    func prefixesHaveAFirstAndALastAddress(_ text: String, _ first: String, _ last: String) throws {
        let prefix = try #require(IPPrefix(text))
        #expect(prefix.network.description == first)
        #expect(prefix.last.description == last)
        #expect(prefix.contains(prefix.address))
    }

    @Test(arguments: [
        "10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "10.0.0.0/-1", "::/129", "10.0.0.0/8/8", "", "/8", "10.0.0.0/+8",
    ])
    func refusesWhatIsNoPrefix(_ text: String) {
        #expect(IPPrefix(text) == nil)
    }

    @Test func netmasks() throws {
        let address = try #require(IPAddress("10.0.0.1"))
        #expect(IPPrefix(address, netmask: try #require(IPAddress("255.255.240.0")))?.length == 20)
        #expect(IPPrefix(address, netmask: .any4)?.length == 0)
        #expect(IPPrefix(address, netmask: .broadcast4)?.length == 32)
        #expect(IPPrefix(address, netmask: try #require(IPAddress("255.0.255.0"))) == nil)
    }

    @Test func overlaps() throws {
        let wide = try #require(IPPrefix("10.0.0.0/8"))
        let narrow = try #require(IPPrefix("10.1.0.0/16"))
        let other = try #require(IPPrefix("11.0.0.0/16"))
        #expect(wide.overlaps(narrow) && narrow.overlaps(wide))
        #expect(!wide.overlaps(other) && !narrow.overlaps(other))
        #expect(!wide.overlaps(try #require(IPPrefix("a00::/8"))))
    }

    @Test func addressesOfNeighbours() throws {
        let mac = try #require(MACAddress("02:00:5e:10:00:01"))
        #expect(IPAddress.linkLocal(of: mac).description == "fe80::5eff:fe10:1")
        let address = try #require(IPAddress("2001:db8::1:800:200e:8c6c"))
        #expect(address.solicitedNodeGroup?.description == "ff02::1:ff0e:8c6c")
        #expect(MACAddress.multicast(try #require(address.solicitedNodeGroup)).description == "33:33:ff:0e:8c:6c")
        #expect(MACAddress.multicast(try #require(IPAddress("239.129.2.3"))).description == "01:00:5e:01:02:03")
    }
}
