// SPDX-License-Identifier: Apache-2.0

import BPF
import CNetlink
import Glibc

/// A packet on its way into a module or out of one.
public struct PacketOut: Sendable, Hashable {
    /// The frame from its Ethernet header.
    public var bytes: [UInt8]
    /// `md->data` for the modules that it runs through; a GSO packet, or one of more than 15,000 bytes, starts with zeros.
    public var data: PacketData
    /// For a GSO packet the bytes of payload in each segment; 0 for others.
    public var segmentSize: Int

    public init(_ bytes: [UInt8], data: PacketData = PacketData(), segmentSize: Int = 0) {
        self.bytes = bytes
        self.data = data
        self.segmentSize = segmentSize
    }

    /// Whether a trailer can be cut off it: not off a GSO packet, and off another one by bpf_skb_change_tail, which is for
    /// up to 16 KiB with what the kernel needs besides (BPF_SKB_MAX_LEN, net/core/filter.c).
    var takesTrailer: Bool { segmentSize == 0 && bytes.count <= 15_000 }

    /// What an Ethernet header and the longest IP packet of a device give.
    static let sizes = 14...65_535
}

/// Where a packet of user space enters the kernel side.
struct PacketPlace {
    /// The numbers of `enum hover_packet_out_kind` (`include/hover/packet_out.h`).
    enum Kind: UInt32 {
        /// Into the module, by the program in a slot.
        case enter = 1
        /// Out of a port.
        case leave = 2
    }

    let kind: Kind
    let module: UInt32
    /// The slot, or the port.
    let place: UInt32

    /// The mark of a packet whose trailer says where it goes (HOVER_OUT_TRAILER).
    static let trailerMark: UInt32 = 1 << 31 | 15 << 16

    /// The mark of a packet without a trailer; nil for a place whose numbers are too large for one.
    var mark: UInt32? {
        guard module < 1 << 16, place < 1 << 11 else { return nil }
        return 1 << 31 | place << 20 | kind.rawValue << 16 | module
    }

    /// `struct hover_packet_out`, the frame's last bytes.
    func trailer(data: PacketData) -> [UInt8] {
        // "HvOu".
        let mark: UInt32 = 0x4876_4f75
        return data.words.flatMap { [UInt8](littleEndian: $0) }
            + [module, place, kind.rawValue, mark].flatMap { [UInt8](littleEndian: $0) }
    }
}

/// Sends packets into the kernel side: on Hover's own device, whose egress hook reads where each goes.
final class PacketSocket: Sendable {
    private let descriptor: Int32

    // linux/socket.h and linux/if_packet.h, which Glibc's module leaves out.
    private static let packetFamily: Int32 = 17  // AF_PACKET
    private static let packetLevel: Int32 = 263  // SOL_PACKET
    private static let sendBufferSize: Int32 = 4 << 20

    /// - Parameter device: the index of Hover's device, in the calling thread's network namespace.
    init(device: UInt32) throws(KernelError) {
        let kind = Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        // Protocol 0: it receives nothing.
        descriptor = socket(Self.packetFamily, kind, 0)
        guard descriptor >= 0 else {
            throw KernelError(
                operation: "make", object: "a packet socket", errno: errno,
                remedy: errno == EPERM ? "run as root, or with CAP_NET_RAW" : nil)
        }
        do throws(KernelError) {
            try set(Self.packetLevel, PACKET_VNET_HDR, 1)
            try set(SOL_SOCKET, SO_SNDBUFFORCE, Self.sendBufferSize)
            try bind(to: device)
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit {
        try? DescriptorPoller.shared.get().forget(descriptor)
        close(descriptor)
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) throws(KernelError) {
        var value = value
        guard setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw KernelError(operation: "set an option of", object: "a packet socket", errno: errno)
        }
    }

    private func bind(to device: UInt32) throws(KernelError) {
        var address = sockaddr_ll()
        address.sll_family = UInt16(Self.packetFamily)
        address.sll_ifindex = Int32(device)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_ll>.size))
            }
        }
        guard result == 0 else {
            throw KernelError(operation: "bind a packet socket to", object: "device \(device)", errno: errno)
        }
    }

    /// Sends a packet. When this returns it has run through its chain, up to where it waits for something: what became of
    /// it there is in the modules' counters.
    func send(_ packet: PacketOut, to place: PacketPlace) async throws(DataplaneError) {
        let number = try await transmit(packet, to: place)
        switch number {
        // ENOBUFS is how the kernel tells of a packet that a program on its way dropped.
        case 0, ENOBUFS: return
        case EINVAL:
            // UDP GSO, and a kernel before 6.2.
            guard let datagrams = packet.datagrams else { throw DataplaneError(Self.failure(number)) }
            for datagram in datagrams {
                try await send(datagram, to: place)
            }
        default: throw DataplaneError(Self.failure(number))
        }
    }

    /// Zero or an error number.
    private func transmit(_ packet: PacketOut, to place: PacketPlace) async throws(DataplaneError) -> Int32 {
        let header = try VirtioHeader(for: packet)
        var mark = PacketPlace.trailerMark
        var trailer: [UInt8] = []
        if packet.takesTrailer {
            trailer = place.trailer(data: packet.data)
        } else if let said = place.mark {
            mark = said
        } else {
            throw .configuration(
                "a packet of \(packet.bytes.count) bytes cannot be sent to module number \(place.module): "
                    + "it has to be shorter, for the numbers are too large for its mark")
        }
        while true {
            switch send(header.bytes, packet.bytes, trailer, mark: mark) {
            case EINTR: continue
            case EAGAIN: try await waitForRoom()
            case let number: return number
            }
        }
    }

    private static func failure(_ number: Int32) -> KernelError {
        let isGone = [ENXIO, ENODEV, ENETDOWN].contains(number)
        return KernelError(
            operation: "send", object: "a packet", errno: number,
            remedy: isGone ? "hover's own device is gone or down: restart hoverd" : nil)
    }

    /// Zero or an error number.
    private func send(_ header: [UInt8], _ frame: [UInt8], _ trailer: [UInt8], mark: UInt32) -> Int32 {
        header.withUnsafeBytes { header in
            frame.withUnsafeBytes { frame in
                trailer.withUnsafeBytes { trailer in
                    var parts = [header, frame, trailer].map {
                        iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
                    }
                    let sent = hover_send_marked(descriptor, &parts, parts.count, mark)
                    return sent < 0 ? errno : 0
                }
            }
        }
    }

    private func waitForRoom() async throws(DataplaneError) {
        let wakeup = Wakeup()
        do throws(KernelError) {
            try DescriptorPoller.shared.get().notify(when: descriptor, is: .writable) { wakeup.wake() }
        } catch {
            throw DataplaneError(error)
        }
        await wakeup.sleep()
        guard !Task.isCancelled else { throw .kernel("cannot send a packet: the task that sends it was cancelled") }
    }
}

/// `struct virtio_net_hdr` (linux/virtio_net.h), which says what is still to be done about a frame.
struct VirtioHeader {
    let bytes: [UInt8]

    // VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_…
    private static let needsChecksum: UInt8 = 1
    private static let segmentsTCPv4: UInt8 = 1
    private static let segmentsTCPv6: UInt8 = 4
    private static let segmentsUDP: UInt8 = 5
    private static let segmentsECN: UInt8 = 0x80

    init(for packet: PacketOut) throws(DataplaneError) {
        let frame = packet.bytes
        guard PacketOut.sizes.contains(frame.count) else {
            throw .configuration(
                "a packet of \(frame.count) bytes cannot be sent: a frame has \(PacketOut.sizes.lowerBound) to "
                    + "\(PacketOut.sizes.upperBound) bytes, its Ethernet header included")
        }
        let header = TransportHeader(of: frame)
        guard packet.segmentSize > 0 else {
            guard let header, header.isPartial(in: frame) else {
                bytes = [UInt8](repeating: 0, count: 10)
                return
            }
            bytes = Self.bytes(header, of: frame, kind: 0, segmentSize: 0)
            return
        }
        guard let header, let size = UInt16(exactly: packet.segmentSize), header.end(in: frame) < frame.count else {
            throw .configuration(
                "a GSO packet of segments of \(packet.segmentSize) bytes cannot be sent: it has to be TCP or UDP in IP, "
                    + "with segments of 1 to 65535 bytes")
        }
        var kind = header.isIPv6 ? Self.segmentsTCPv6 : Self.segmentsTCPv4
        if header.number == TransportHeader.udp {
            kind = Self.segmentsUDP
        }
        if header.hasCWR(in: frame) {
            kind |= Self.segmentsECN
        }
        bytes = Self.bytes(header, of: frame, kind: kind, segmentSize: size)
    }

    private static func bytes(
        _ header: TransportHeader, of frame: [UInt8], kind: UInt8, segmentSize: UInt16
    ) -> [UInt8] {
        let numbers = [header.end(in: frame), Int(segmentSize), header.start, header.checksumOffset]
        return [needsChecksum, kind] + numbers.flatMap { [UInt8](littleEndian: UInt16(truncatingIfNeeded: $0)) }
    }
}
