// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// Packets between modules and programs outside, by way of the API, with hosts that know nothing of it. Limited, for a
/// stream whose packet does not come is waited for without end.
@Suite(.timeLimit(.minutes(5 * patience))) struct PacketTests {
    /// ARP goes to the slow path, everything else to the other port.
    private static let arpToController = """
        static int handle_rx(void *pkt, struct metadata *md)
        {
        	struct __sk_buff *skb = pkt;
        	struct ethhdr *ethernet = (void *)(long)skb->data;
        	__u32 numbers[3] = { 1, 2, 3 };

        	if ((void *)(ethernet + 1) > (void *)(long)skb->data_end)
        		return RX_DROP;
        	if (ethernet->h_proto != bpf_htons(ETH_P_ARP))
        		return pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1);
        	pkt_set_metadata(pkt, numbers);
        	return pkt_controller(pkt, md, 806);
        }

        """
    /// IPv4 that comes by port 1 is held until `open` has an entry; a datum says that it was.
    private static let hold = """
        struct {
        	__uint(type, BPF_MAP_TYPE_HASH);
        	__uint(max_entries, 1);
        	__type(key, __u32);
        	__type(value, __u32);
        } open SEC(".maps");

        static int handle_rx(void *pkt, struct metadata *md)
        {
        	struct __sk_buff *skb = pkt;
        	struct ethhdr *ethernet = (void *)(long)skb->data;
        	__u32 only = 0;

        	if ((void *)(ethernet + 1) > (void *)(long)skb->data_end)
        		return RX_DROP;
        	if (md->in_ifc == 2)
        		return pkt_redirect(pkt, md, 1);
        	if (ethernet->h_proto == bpf_htons(ETH_P_IP) && !bpf_map_lookup_elem(&open, &only))
        		return pkt_hold(pkt, md, 1, 4711);
        	return pkt_redirect(pkt, md, 2);
        }

        """

    private func withHosts(
        _ source: String, _ body: (HoverDaemon, TestHost, TestHost) async throws -> Void
    ) async throws {
        try await HoverDaemon.with { daemon in
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            let right = try await daemon.network.addHost("right", address: "10.0.0.2/24")
            try await daemon.forward("web", source: source)
            try await daemon.link(("i:left", nil), ("web", 1))
            try await daemon.link(("web", 2), ("i:right", nil))
            try await body(daemon, left, right)
        }
    }

    @Test func aProgramOutsideAnswersForTheModule() async throws {
        try await withHosts(Self.arpToController) { daemon, left, right in
            let packets = try await daemon.client.packets(of: "web")
            try await right.learn(left, as: "10.0.0.1")
            let rightAddress = try await right.ethernetAddress().bytes
            async let pings = left.pings("10.0.0.2", wait: "5")
            for try await packet in packets {
                let asked = [UInt8](try #require(Data(base64Encoded: packet.bytes)))
                #expect(packet.port == 1)
                #expect(packet.reason == 806)
                #expect(packet.metadata == [1, 2, 3])
                #expect(packet.length == asked.count)
                #expect(packet.time.hasSuffix("Z"))
                // RFC 826: the reply is the question with the answer in it, and the two swapped.
                let reply: [ArraySlice<UInt8>] = [
                    asked[6..<12], rightAddress[...], asked[12..<20], [0, 2], rightAddress[...], asked[38..<42],
                    asked[22..<32],
                ]
                try await daemon.client.sendPackets(
                    [PacketRequest(port: 1, direction: .out, bytes: Data(reply.joined()).base64EncodedString())],
                    module: "web")
                break
            }
            #expect(try await pings)
            #expect(try await daemon.client.module("web").packetIns >= 1)
        }
    }

    @Test func aPacketThatWaitedArrivesAsItWasSent() async throws {
        try await withHosts(Self.hold) { daemon, left, right in
            let packets = try await daemon.client.packets(of: "web")
            try await left.learn(right, as: "10.0.0.2")
            // A socket's checksum is left to the device, and three datagrams travel as one packet (UDP_SEGMENT, udp(7)).
            let receive = """
                import socket
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(("10.0.0.2", 9)); s.settimeout(\(30 * patience))
                print("ready", flush=True)
                print([len(s.recv(65535)) for _ in range(4)])
                """
            let send = """
                import socket
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.connect(("10.0.0.2", 9))
                s.send(b"a" * 77)
                s.setsockopt(socket.IPPROTO_UDP, 103, 1000)
                s.send(b"b" * 2500)
                """
            async let received = right.run("python3", "-c", receive)
            try await wait(for: "the receiver's socket") {
                try await right.run("ss", "-Hlun", "sport", "=", ":9").contains(":9")
            }
            try await left.run("python3", "-c", send)
            var segments: [Int?] = []
            for try await packet in packets {
                #expect(packet.key == 4711)
                #expect(packet.captured == packet.length)
                segments.append(packet.segmentSize)
                if segments.count == 2 { break }
            }
            #expect(segments == [nil, 1000])
            #expect(try await daemon.client.slowPath(of: "web").held == 2)
            try await daemon.client.setEntry("0", to: 1, of: "open", in: "web")
            #expect(try await daemon.client.release(4711, module: "web") == 2)
            #expect(try await received.contains("[77, 1000, 1000, 500]"))
            #expect(try await daemon.client.slowPath(of: "web").held == 0)
            #expect(try await daemon.client.release(4711, module: "web") == 0)
        }
    }

    @Test func aTCPConnectionGoesOnAfterItsPacketsWaited() async throws {
        try await withHosts(
            Self.hold.replacing("ethernet->h_proto ==", with: "skb->len > 2000 && ethernet->h_proto ==")
        ) {
            daemon, left, right in
            let packets = try await daemon.client.packets(of: "web")
            let receive = """
                import socket
                s = socket.create_server(("10.0.0.2", 9)); s.settimeout(\(120 * patience))
                c, _ = s.accept(); c.settimeout(\(120 * patience))
                n = 0
                while True:
                    b = c.recv(65536)
                    if not b: break
                    n += len(b)
                print(n)
                """
            let send = """
                import socket
                s = socket.create_connection(("10.0.0.2", 9)); s.sendall(b"x" * 1000000); s.close()
                """
            async let received = right.run("python3", "-c", receive)
            try await wait(for: "the receiver's socket") {
                try await right.run("ss", "-Hltn", "sport", "=", ":9").contains(":9")
            }
            async let sent = left.run("python3", "-c", send)
            for try await packet in packets {
                #expect(packet.segmentSize ?? 0 > 0)
                break
            }
            try await daemon.client.setEntry("0", to: 1, of: "open", in: "web")
            #expect(try await daemon.client.release(4711, module: "web") > 0)
            _ = try await sent
            #expect(try await received == "1000000\n")
            let errors = try await right.run("nstat", "-az", "TcpInCsumErrors")
            #expect(errors.split(separator: "\n").last?.split(separator: " ")[1] == "0", "\(errors)")
        }
    }

    @Test func theStreamEndsWithTheModule() async throws {
        try await withHosts(Self.arpToController) { daemon, _, _ in
            let packets = try await daemon.client.packets(of: "web")
            #expect(try await daemon.client.slowPath(of: "web").listeners == 1)
            try await daemon.client.deleteModule("web")
            for try await _ in packets {}
        }
    }

    @Test func whoGoesNoLongerListens() async throws {
        try await withHosts(Self.arpToController) { daemon, left, _ in
            let curl = try await attempt([
                "curl", "-sN", "--max-time", "3", "--unix-socket", daemon.socket,
                "http://hover/v1/modules/web/packets",
            ])
            #expect(curl.output.hasPrefix(": listening\n\n"))
            try await wait(for: "hoverd to see that the client has gone") {
                try await daemon.client.slowPath(of: "web").listeners == 0
            }
        }
    }

    @Test func listeningTakesNoBody() async throws {
        try await withHosts(Self.arpToController) { daemon, _, _ in
            let answer = try await shell(
                "curl", "-s", "-X", "GET", "--data", "rate=100", "--unix-socket", daemon.socket,
                "http://hover/v1/modules/web/packets")
            #expect(answer.contains("listening takes no body"))
            #expect(try await daemon.client.slowPath(of: "web").listeners == 0)
        }
    }

    @Test func hoverdStopsThoughSomebodyListens() async throws {
        try await Network.with { network in
            let folder = "/tmp/\(network.name)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let streams = Streams()
            try await HoverDaemon.run(in: network, folder: folder) { daemon in
                try await daemon.forward("web")
                await streams.add(try await daemon.client.packets(of: "web"))
            }
            // It has stopped by SIGTERM, or `run` had thrown; the stream came to its end.
            try await streams.drain()
        }
    }

    private actor Streams {
        var streams: [PacketStream] = []

        func add(_ stream: PacketStream) {
            streams.append(stream)
        }

        func drain() async throws {
            for stream in streams {
                for try await _ in stream {}
            }
        }
    }

    @Test func limitsAreShownAndChanged() async throws {
        try await withHosts(Self.arpToController) { daemon, _, _ in
            let client = daemon.client
            let first = try await client.slowPath(of: "web")
            #expect([first.rate, first.burst, first.snapLength] == [10_000, 1000, 1536])
            let changed = try await client.updateSlowPath(of: "web", SlowPathUpdate(rate: 100, snapLength: 64))
            #expect([changed.rate, changed.burst, changed.snapLength] == [100, 64, 64])
            let stream = try await client.packets(of: "web", limits: SlowPathUpdate(burst: 5))
            let listened = try await client.slowPath(of: "web")
            #expect([listened.rate, listened.burst, listened.snapLength] == [100, 5, 64])
            #expect(listened.listeners == 1)
            withExtendedLifetime(stream) {}
        }
    }

    @Test func whatCannotBeIsRefused() async throws {
        try await withHosts(Self.arpToController) { daemon, _, _ in
            let client = daemon.client
            try await daemon.policy("p", source: Source.wall, tags: [])
            let frame = Data(count: 60).base64EncodedString()
            func refused(_ port: Int, _ direction: PacketRequest.Direction, _ bytes: String, _ module: String = "web")
                async throws -> Problem
            {
                try await refusal {
                    try await client.sendPackets(
                        [PacketRequest(port: port, direction: direction, bytes: bytes)], module: module)
                }
            }
            let unlinked = try await refused(3, .out, frame)
            #expect(unlinked.status == 409)
            #expect(unlinked.detail.hasPrefix("port 3 of module m:"))
            #expect(unlinked.detail.contains("is not linked"))
            #expect(try await refused(3, .in, frame).detail.contains("has no port 3 yet"))
            #expect(try await refused(65, .out, frame).detail.contains("its ports are 1 to 64"))
            #expect(try await refused(1, .out, "AAAA").detail.contains("a packet of 3 bytes"))
            #expect(try await refused(1, .out, "%%%").detail.contains("base64"))
            #expect(try await refused(1, .out, frame, "nobody").status == 404)
            #expect(try await refused(1, .out, frame, "p").detail.contains("is a policy"))
            #expect(try await refused(1, .out, frame, "b:br0").status == 400)
            #expect(try await refusal { try await client.packets(of: "nobody") }.status == 404)
            let rate = try await refusal { try await client.packets(of: "web", limits: SlowPathUpdate(rate: 0)) }
            #expect(rate.status == 400)
            #expect(rate.detail.contains("rate is 0"))
            // Of several packets none is sent when one cannot be. Nobody else sends out of this port.
            for name in ["quiet", "other"] { try await daemon.forward(name, source: Self.arpToController) }
            try await daemon.link(("quiet", 1), ("other", 1))
            _ = try await refusal {
                try await client.sendPackets(
                    [1, 3].map { PacketRequest(port: $0, direction: .out, bytes: frame) }, module: "quiet")
            }
            #expect(try await client.module("quiet").ports[0].counters.txPackets == 0)
        }
    }

    @Test func hoverctlShowsAndSendsPackets() async throws {
        try await withHosts(Self.arpToController) { daemon, left, _ in
            let hoverctl = HoverDaemon.products.appending(path: "hoverctl").path()
            async let captured = shell(hoverctl, "capture", "web", "--count", "1", "--endpoint", daemon.socket)
            try await wait(for: "hoverctl to listen") { try await daemon.client.slowPath(of: "web").listeners == 1 }
            let question = "ffffffffffff 020000000009 0806" + String(repeating: "00", count: 28)
            let sent = try await shell(
                hoverctl, "create", "packet", "web:2", "in", question, "--endpoint", daemon.socket)
            #expect(sent == "sent 42 bytes in port 2 of module web\n")
            let line = try await captured.split(separator: "\n").last ?? ""
            #expect(line.contains("  2     806         42      -           1,2,3         ffffffffffff0200000000090806"))
        }
    }
}
