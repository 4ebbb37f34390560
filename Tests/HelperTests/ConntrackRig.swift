// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `enum hover_conntrack`, and what the test's own handler answers besides.
enum Tracking: UInt32 {
    case invalid, new, established, related, untracked
    case unparsed = 0xff
}

/// `enum hover_tcp_state`.
enum TCPState: UInt32 {
    case none, synSent, synSent2, synReceived, established, finWait, closeWait, lastAck, timeWait, close
}

/// What became of a packet.
struct Tracked: Equatable {
    var what: Tracking
    var isReply = false
    var state = TCPState.none
    /// Whether it has a connection now.
    var isConnected = true

    static let invalid = Tracked(what: .invalid, isConnected: false)
    static let untracked = Tracked(what: .untracked, isConnected: false)
}

/// A handler that tracks each packet, and begins connections for new ones.
struct ConntrackRig {
    let rig: StateRig

    /// `mode` 0: as they are; 1: with the source translated to 192.0.2.1 and a port from `first` to `last`; 2: none is
    /// begun; 3: what has a connection loses it; 4: every fourth
    /// time.
    private static let source = """
        #ifndef REAL_CLOCK
        __u64 test_clock = 1000000000;
        #define HOVER_NOW() (*(volatile __u64 *)&test_clock)
        #endif
        #define HOVER_CONNECTIONS 256
        #include <hover/conntrack.h>
        __u64 mode, first = 1024, last = 65535, refusals, error, counter;
        static __noinline int begin(const struct hover_flow *flow, struct hover_tracked *tracked)
        {
        	struct hover_connection_data data = { 7 };
        	struct hover_tuple reply;
        	struct hover_ports ports;

        	if (mode != 1)
        		return hover_connect_as(flow, NULL, NULL, &data, tracked);
        	hover_tuple_reverse(&reply, &flow->tuple);
        	hover_map_ipv4(&reply.destination, bpf_htonl(0xc0000201));
        	hover_ports_begin(&ports, flow->tuple.source_port, first, last, true);
        	return hover_connect_as(flow, &reply, &ports, &data, tracked);
        }
        static __u32 handle(void *pkt)
        {
        	struct hover_headers headers;
        	struct hover_tracked tracked;
        	struct hover_flow flow;
        	__u32 what, state = 0;
        	int result;

        	if (pkt_parse(pkt, &headers) != HOVER_PARSE_OK)
        		return 0xff;
        	hover_flow_of(pkt, &headers, &flow);
        #ifdef RANDOM
        	// Another client each time.
        	flow.tuple.source.bytes[15] = bpf_get_prandom_u32() % RANDOM;
        #endif
        	what = hover_track(&flow, &tracked);
        	if (what == HOVER_NEW && !tracked.connection && mode != 2) {
        		result = begin(&flow, &tracked);
        		error = -result;
        		if (result)
        			__sync_fetch_and_add(&refusals, 1);
        	}
        	if (tracked.connection && (mode == 3 || (mode == 4 && bpf_get_prandom_u32() % 4 == 0)))
        		hover_disconnect(tracked.connection);
        	if (tracked.connection)
        		state = tracked.connection->state;
        	return what | tracked.is_reply << 8 | state << 16 | !!tracked.connection << 24;
        }
        """

    init(
        _ hook: StateHook, config: [String: UInt64] = [:], realClock: Bool = false, randomClients: Int? = nil
    ) throws {
        let options =
            (realClock ? "#define REAL_CLOCK\n" : "") + (randomClients.map { "#define RANDOM \($0)\n" } ?? "")
        rig = try StateRig(options + Self.source, at: hook, config: config)
    }

    func callAsFunction(_ packet: [UInt8]) throws -> Tracked {
        let answer = try rig.run(packet)
        let tracked = Tracked(
            what: try #require(Tracking(rawValue: answer & 0xff)), isReply: answer >> 8 & 1 == 1,
            state: try #require(TCPState(rawValue: answer >> 16 & 0xff)), isConnected: answer >> 24 & 1 == 1)
        // A packet that may belong to the connection, but is not valid, has it in hand too.
        return tracked.what == .invalid ? .invalid : tracked
    }

    func pass(seconds: UInt64) throws {
        try rig.set("test_clock", to: rig.global("test_clock") + seconds * .second)
    }

    /// Seconds that the only connection has left.
    func secondsLeft() throws -> UInt64 {
        let entries = try connections()
        try #require(entries.count == 1)
        return (UInt64(entries[0][8..<16]) - (try rig.global("test_clock"))) / .second
    }

    /// The entries of the table that are in use.
    func connections() throws -> [[UInt8]] {
        try rig.map("connections").entries(limit: .max).compactMap(\.values.first).filter { UInt64($0[8..<16]) != 0 }
    }

    /// How many tuples lead to connections.
    func tuples() throws -> Int {
        try rig.size("connections_index")
    }
}

/// Two TCP ends that know what they have sent.
struct TCPTalk {
    let client: FlowEnd
    let server: FlowEnd
    /// What each sends next.
    var next: (client: UInt32, server: UInt32) = (0xffff_ff00, 5000)
    private let rig: ConntrackRig

    init(_ rig: ConntrackRig, _ family: FlowFamily = .ipv4, port: UInt16 = 40000) {
        self.rig = rig
        client = FlowEnd(family, host: 1, port: port)
        server = FlowEnd(family, net: 1, host: 2, port: 80)
    }

    /// A packet from the client; it takes as many sequence numbers as it should.
    @discardableResult
    mutating func clientSends(
        _ flags: String, payload: Int = 0, window: UInt16 = 1000, scale: UInt8? = nil
    ) throws -> Tracked {
        defer { next.client &+= Self.length(flags, payload) }
        return try rig(
            FlowPacket.tcp(
                client, server, flags, sequence: next.client, acknowledged: flags.contains("A") ? next.server : 0,
                window: window, scale: scale, payload: payload))
    }

    @discardableResult
    mutating func serverSends(
        _ flags: String, payload: Int = 0, window: UInt16 = 1000, scale: UInt8? = nil
    ) throws -> Tracked {
        defer { next.server &+= Self.length(flags, payload) }
        return try rig(
            FlowPacket.tcp(
                server, client, flags, sequence: next.server, acknowledged: flags.contains("A") ? next.client : 0,
                window: window, scale: scale, payload: payload))
    }

    /// A packet with numbers of its own, relative to what would come next.
    @discardableResult
    func serverSends(
        _ flags: String, off sequence: Int32, acknowledging acknowledged: Int32 = 0, payload: Int = 0
    ) throws -> Tracked {
        try rig(
            FlowPacket.tcp(
                server, client, flags, sequence: next.server &+ UInt32(bitPattern: sequence),
                acknowledged: next.client &+ UInt32(bitPattern: acknowledged), payload: payload))
    }

    /// The same from the client.
    @discardableResult
    func clientSends(
        _ flags: String, off sequence: Int32, acknowledging acknowledged: Int32 = 0, payload: Int = 0
    ) throws -> Tracked {
        try rig(
            FlowPacket.tcp(
                client, server, flags, sequence: next.client &+ UInt32(bitPattern: sequence),
                acknowledged: next.server &+ UInt32(bitPattern: acknowledged), payload: payload))
    }

    mutating func handshake(scale: UInt8? = nil) throws {
        try clientSends("S", scale: scale)
        try serverSends("SA", scale: scale)
        try clientSends("A")
    }

    private static func length(_ flags: String, _ payload: Int) -> UInt32 {
        UInt32(payload) + (flags.contains("S") ? 1 : 0) + (flags.contains("F") ? 1 : 0)
    }
}
