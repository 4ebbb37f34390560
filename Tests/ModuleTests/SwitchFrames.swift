// SPDX-License-Identifier: Apache-2.0

/// The address of a station: 02:00:00:00:00:<number>.
func station(_ number: UInt8) -> [UInt8] { [2, 0, 0, 0, 0, number] }

let everybody = [UInt8](repeating: 0xff, count: 6)
let someGroup: [UInt8] = [0x33, 0x33, 0, 0, 0, 1]

/// An Ethernet frame of at least 64 bytes.
///
/// - Parameters:
///   - tag: the VLAN of an 802.1Q tag.
///   - type: the EtherType.
func frame(
    _ source: [UInt8], to destination: [UInt8], tag: UInt16? = nil, type: UInt16 = 0x88b5, _ payload: [UInt8] = []
) -> [UInt8] {
    var frame = destination + source
    if let tag {
        frame += [0x81, 0x00] + bytes(tag)
    }
    frame += bytes(type) + payload
    return frame + [UInt8](repeating: 0, count: max(0, 64 - frame.count))
}

func frame(from source: UInt8, to destination: UInt8, tag: UInt16? = nil) -> [UInt8] {
    frame(station(source), to: station(destination), tag: tag)
}

/// An ARP request (RFC 826).
func arp(_ source: [UInt8], sender: [UInt8], _ address: [UInt8], target: [UInt8], tag: UInt16? = nil) -> [UInt8] {
    frame(
        source, to: everybody, tag: tag, type: 0x0806,
        [0, 1, 8, 0, 6, 4, 0, 1] + sender + address + [0, 0, 0, 0, 0, 0] + target)
}

/// An IPv4 packet with a UDP datagram of 8 bytes.
func ipv4(_ source: [UInt8], from address: [UInt8], ports: (UInt16, UInt16) = (1000, 2000), tag: UInt16? = nil)
    -> [UInt8]
{
    frame(
        source, to: station(99), tag: tag, type: 0x0800,
        [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0] + address + [10, 0, 0, 99] + bytes(ports.0) + bytes(ports.1)
            + [0, 8, 0, 0])
}

/// An IPv6 packet with an ICMPv6 message of 24 bytes, whose last 16 are an address.
func icmp6(_ source: [UInt8], from address: [UInt8], type: UInt8, target: [UInt8]) -> [UInt8] {
    frame(
        source, to: someGroup, type: 0x86dd,
        [0x60, 0, 0, 0, 0, 24, 58, 255] + address + [0xff, 2] + [UInt8](repeating: 0, count: 13) + [1]
            + [type, 0, 0, 0, 0, 0, 0, 0] + target)
}

private func bytes(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }
