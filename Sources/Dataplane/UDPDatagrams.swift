// SPDX-License-Identifier: Apache-2.0

extension PacketOut {
    /// Of more segments the kernel makes no UDP GSO packet (UDP_MAX_SEGMENTS, linux/udp.h).
    private static let mostDatagrams = 128

    /// The datagrams that a UDP GSO packet stands for, cut as the kernel cuts it (`__udp_gso_segment`,
    /// net/ipv4/udp_offload.c); nil for other packets, and for one of more segments than the kernel takes.
    ///
    /// Linux before 6.2 takes no such packet from a packet socket: it does not know VIRTIO_NET_HDR_GSO_UDP_L4.
    var datagrams: [PacketOut]? {
        guard segmentSize > 0, let header = TransportHeader(of: bytes), header.number == TransportHeader.udp else {
            return nil
        }
        let payload = bytes.dropFirst(header.end(in: bytes))
        guard !payload.isEmpty, payload.count <= segmentSize * Self.mostDatagrams else { return nil }
        return stride(from: payload.startIndex, to: payload.endIndex, by: segmentSize).enumerated().compactMap {
            let part = payload[$1..<min($1 + segmentSize, payload.endIndex)]
            return Self.datagram(part, number: $0, header: header, headers: bytes.prefix(header.end(in: bytes)))
        }
    }

    /// - Parameters:
    ///   - number: its place in the packet, from 0.
    ///   - headers: the packet's, from Ethernet's on.
    private static func datagram(
        _ payload: ArraySlice<UInt8>, number: Int, header: TransportHeader, headers: ArraySlice<UInt8>
    ) -> PacketOut? {
        var frame = [UInt8](headers + payload)
        let ip = header.network
        frame.setWord(frame.count - header.start, at: header.start + 4)
        if header.isIPv6 {
            frame.setWord(frame.count - header.start, at: ip + 4)
        } else {
            frame.setWord(frame.count - ip, at: ip + 2)
            // Each is a packet of its own, with an identification of its own (RFC 791, 3.1).
            frame.setWord(Int(frame[ip + 4]) << 8 + Int(frame[ip + 5]) + number, at: ip + 4)
            frame.setWord(0, at: ip + 10)
            frame.setWord(Int(~frame.foldedSum(of: ip..<header.start)), at: ip + 10)
        }
        // Left to the device, as the packet's was.
        guard let own = TransportHeader(of: frame) else { return nil }
        frame.setWord(Int(own.partialChecksum), at: own.start + own.checksumOffset)
        return PacketOut(frame)
    }
}

extension [UInt8] {
    /// Writes the low 16 bits of a number in network order.
    fileprivate mutating func setWord(_ number: Int, at offset: Int) {
        self[offset] = UInt8(truncatingIfNeeded: number >> 8)
        self[offset + 1] = UInt8(truncatingIfNeeded: number)
    }
}
