// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Netlink

/// The host's bytes of an integer.
private func bytes(_ integer: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: integer, Array.init)
}

private func attribute(_ number: UInt16, _ value: [UInt8]) -> [UInt8] {
    let padding = [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
    return bytes(UInt16(4 + value.count)) + bytes(number) + value + padding
}

private func link(
    type: UInt16, family: UInt8 = 0, index: Int32, flags: UInt32 = 0, attributes: [[UInt8]]
) -> [UInt8] {
    // struct ifinfomsg: family, padding, device type (1: Ethernet), index, flags, changed flags
    let body =
        [family, 0] + bytes(UInt16(1)) + bytes(index) + bytes(flags) + bytes(UInt32.max)
        + attributes.flatMap { $0 }
    // struct nlmsghdr: length, type, flags, sequence number, port
    return bytes(UInt32(16 + body.count)) + bytes(type) + bytes(UInt16(0)) + bytes(UInt32(7)) + bytes(UInt32(0)) + body
}

private let newLink: UInt16 = 16
private let delLink: UInt16 = 17
private let bridgeFamily: UInt8 = 7

private let name = attribute(3, Array("veth0\0".utf8))
private let mtu = attribute(4, bytes(UInt32(1500)))
/// A veth that is up, a port of interface 3, with its peer in another namespace.
private let veth = link(
    type: newLink, index: 5, flags: 0x1043,
    attributes: [
        name, mtu, attribute(1, [2, 0, 0, 0, 0, 0xab]), attribute(10, bytes(UInt32(3))),
        attribute(5, bytes(UInt32(9))), attribute(37, bytes(Int32(0))),
        // IFLA_LINKINFO, with the flag for nested attributes: IFLA_INFO_KIND
        attribute(18 | 0x8000, attribute(1, Array("veth\0".utf8))),
    ])

@Suite struct LinkMessageTests {
    private func parse(_ datagram: [UInt8]) -> [LinkMessage] {
        NetlinkMessage.split(datagram).compactMap(LinkMessage.init)
    }

    @Test func everythingOfAnInterface() {
        let expected = NetworkInterface(
            name: "veth0", index: 5, kind: "veth", isUp: true, mtu: 1500, address: "02:00:00:00:00:ab",
            masterIndex: 3, peerIndex: 9, peerNamespaceID: 0)
        #expect(parse(veth) == [.present(expected)])
        #expect(NetlinkMessage.split(veth).first?.sequence == 7)
    }

    @Test func onlyWhatAnInterfaceHas() {
        let expected = NetworkInterface(name: "veth0", index: 1, kind: "", isUp: false, mtu: 1500, address: "")
        // A veth whose peer is just being deleted has 0 for it; a namespace without a number -1.
        let nothing = [attribute(5, bytes(UInt32(0))), attribute(37, bytes(Int32(-1)))]
        #expect(parse(link(type: newLink, index: 1, attributes: [name, mtu] + nothing)) == [.present(expected)])
    }

    @Test func severalInOneDatagram() {
        let gone = link(type: delLink, index: 5, attributes: [name, mtu])
        let moved = link(type: delLink, index: 6, attributes: [attribute(45, bytes(Int32(4))), name])
        let messages = parse(veth + gone + moved)
        #expect(messages.count == 3)
        #expect(messages.dropFirst() == [.absent(index: 5, movedTo: nil), .absent(index: 6, movedTo: 4)])
    }

    @Test func bridgesSayNothingAboutPresence() {
        #expect(parse(link(type: delLink, family: bridgeFamily, index: 5, attributes: [name, mtu])) == [])
        #expect(parse(link(type: newLink, family: bridgeFamily, index: 5, attributes: [name, mtu])) == [])
    }

    @Test func partialMessagesSayNothing() {
        #expect(parse(link(type: newLink, index: 5, attributes: [name])) == [])
        #expect(parse(link(type: 20, index: 5, attributes: [name, mtu])) == [])
    }

    /// Whatever is cut off: no message, or none of what it does not hold, and no crash.
    @Test func truncated() {
        for count in 0..<veth.count {
            #expect(parse(Array(veth.prefix(count))) == [])
        }
        for length in 0..<UInt32(veth.count) {
            _ = parse(bytes(length) + veth.dropFirst(4))
        }
        for position in 32..<veth.count {
            for value: UInt8 in [0, 1, 3, 0xff] {
                var damaged = veth
                damaged[position] = value
                _ = parse(damaged)
            }
        }
    }
}
