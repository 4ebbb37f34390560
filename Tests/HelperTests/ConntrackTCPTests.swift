// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `include/hover/tcp.h`, through `include/hover/conntrack.h`.
@Suite("connection tracking: TCP")
struct ConntrackTCPTests {
    private func original(_ what: Tracking, _ state: TCPState) -> Tracked {
        Tracked(what: what, state: state)
    }

    private func reply(_ state: TCPState) -> Tracked {
        Tracked(what: .established, isReply: true, state: state)
    }

    @Test("a connection goes through its states", arguments: StateHook.allCases, FlowFamily.allCases)
    func states(hook: StateHook, family: FlowFamily) throws {
        var talk = TCPTalk(try ConntrackRig(hook), family)
        #expect(try talk.clientSends("S") == original(.new, .synSent))
        #expect(try talk.serverSends("SA") == reply(.synReceived))
        #expect(try talk.clientSends("A") == original(.established, .established))
        #expect(try talk.clientSends("PA", payload: 400) == original(.established, .established))
        #expect(try talk.serverSends("A", payload: 700) == reply(.established))
        #expect(try talk.clientSends("FA") == original(.established, .finWait))
        #expect(try talk.serverSends("A") == reply(.closeWait))
        #expect(try talk.serverSends("PA", payload: 100) == reply(.closeWait))
        #expect(try talk.serverSends("FA") == reply(.lastAck))
        #expect(try talk.clientSends("A") == original(.established, .timeWait))
    }

    @Test("the server may close first, and both at once", arguments: StateHook.allCases)
    func closing(hook: StateHook) throws {
        let rig = try ConntrackRig(hook)
        var talk = TCPTalk(rig)
        try talk.handshake()
        #expect(try talk.serverSends("FA") == reply(.finWait))
        // The client's FIN crosses it: it does not acknowledge the server's.
        let crossing = FlowPacket.tcp(
            talk.client, talk.server, "FA", sequence: talk.next.client, acknowledged: talk.next.server &- 1)
        talk.next.client &+= 1
        #expect(try rig(crossing) == original(.established, .lastAck))
        #expect(try talk.serverSends("A") == reply(.lastAck))
        #expect(try talk.clientSends("A") == original(.established, .timeWait))
    }

    @Test("a lost SYN, SYN-ACK and FIN are sent again", arguments: StateHook.allCases)
    func repeats(hook: StateHook) throws {
        var talk = TCPTalk(try ConntrackRig(hook))
        try talk.clientSends("S")
        #expect(try talk.clientSends("S", off: -1) == original(.new, .synSent))
        try talk.serverSends("SA")
        #expect(try talk.clientSends("S", off: -1) == original(.established, .synReceived))
        #expect(try talk.serverSends("SA", off: -1) == reply(.synReceived))
        // A SYN with another number does not replace one that is acknowledged.
        #expect(try talk.clientSends("S", off: 77) == original(.established, .synReceived))
        #expect(try talk.clientSends("A") == original(.established, .established))
        try talk.clientSends("FA")
        #expect(try talk.clientSends("FA", off: -1) == original(.established, .finWait))
    }

    @Test("both sides may open at once", arguments: StateHook.allCases)
    func simultaneousOpen(hook: StateHook) throws {
        let rig = try ConntrackRig(hook)
        var talk = TCPTalk(rig)
        #expect(try talk.clientSends("S") == original(.new, .synSent))
        #expect(try talk.serverSends("S") == reply(.synSent2))
        // Each answers the other's SYN with the number of its own.
        #expect(try talk.clientSends("SA", off: -1) == original(.established, .synReceived))
        #expect(try talk.serverSends("SA", off: -1) == reply(.established))
        #expect(try talk.clientSends("A", payload: 10) == original(.established, .established))
        #expect(try rig.connections().count == 1)
    }

    @Test("only a SYN begins a connection", arguments: StateHook.allCases)
    func beginnings(hook: StateHook) throws {
        let rig = try ConntrackRig(hook)
        var talk = TCPTalk(rig)
        for flags in ["A", "SA", "FA", "R", "RA", "PA"] {
            #expect(try talk.clientSends(flags) == .invalid, "\(flags)")
        }
        #expect(try rig.connections().isEmpty)
    }

    @Test("one in mid-stream is taken up where that is wanted", arguments: StateHook.allCases)
    func midStream(hook: StateHook) throws {
        var talk = TCPTalk(try ConntrackRig(hook, config: ["tcp_loose": 1]))
        #expect(try talk.clientSends("FA", off: 0) == .invalid)
        #expect(try talk.clientSends("A", payload: 100) == original(.new, .established))
        #expect(try talk.serverSends("A", payload: 3000) == reply(.established))
        #expect(try talk.clientSends("A") == original(.established, .established))
        #expect(try talk.serverSends("R", off: 3) == reply(.established))
        #expect(try talk.serverSends("R") == reply(.close))
    }

    @Test("flags that no TCP sends are invalid", arguments: StateHook.allCases)
    func impossible(hook: StateHook) throws {
        var talk = TCPTalk(try ConntrackRig(hook))
        try talk.handshake()
        for flags in ["", "SF", "SR", "FR", "F", "FPU", "SFA", "SRA", "P"] {
            #expect(try talk.clientSends(flags, off: 0) == .invalid, "\(flags)")
        }
    }

    @Test("what lies outside of the window is invalid", arguments: StateHook.allCases)
    func window(hook: StateHook) throws {
        var talk = TCPTalk(try ConntrackRig(hook))
        try talk.handshake()
        try talk.clientSends("A", payload: 100)
        // The client takes 1,000 bytes.
        #expect(try talk.serverSends("A", off: 1000, payload: 1) == reply(.established))
        #expect(try talk.serverSends("A", off: 1001, payload: 1) == .invalid)
        #expect(try talk.serverSends("A", off: -60_000, payload: 1) == reply(.established))
        #expect(try talk.serverSends("A", off: -70_000, payload: 1) == .invalid)
        // It has sent nothing beyond.
        #expect(try talk.serverSends("A", off: 0, acknowledging: 1) == .invalid)
        #expect(try talk.serverSends("A", off: 0, acknowledging: -70_000) == .invalid)
        #expect(try talk.serverSends("A", off: 0) == reply(.established))
    }

    @Test("the window is scaled if both say so", arguments: [nil, 4] as [UInt8?], StateHook.allCases)
    func scale(serverScale: UInt8?, hook: StateHook) throws {
        var talk = TCPTalk(try ConntrackRig(hook))
        try talk.clientSends("S", scale: 3)
        try talk.serverSends("SA", scale: serverScale)
        try talk.clientSends("A")
        let most: Int32 = serverScale == nil ? 1000 : 8000
        #expect(try talk.serverSends("A", off: most, payload: 1) == reply(.established))
        #expect(try talk.serverSends("A", off: most + 1, payload: 1) == .invalid)
    }

    @Test("a RST ends a connection only with the number that is waited for", arguments: StateHook.allCases)
    func reset(hook: StateHook) throws {
        var talk = TCPTalk(try ConntrackRig(hook))
        try talk.handshake()
        #expect(try talk.serverSends("R", off: 1) == reply(.established))
        #expect(try talk.serverSends("R", off: 1001) == .invalid)
        #expect(try talk.serverSends("R", off: -1_000_000) == .invalid)
        #expect(try talk.serverSends("R", off: 0) == reply(.close))
    }

    @Test("a RST that refuses a SYN has to acknowledge it", arguments: StateHook.allCases)
    func refusal(hook: StateHook) throws {
        var talk = TCPTalk(try ConntrackRig(hook))
        try talk.clientSends("S")
        #expect(try talk.serverSends("R", off: 0) == .invalid)
        #expect(try talk.serverSends("RA", off: -5000, acknowledging: 77) == .invalid)
        #expect(try talk.serverSends("RA", off: -5000) == reply(.close))
    }

    @Test("a SYN or SYN-ACK in the middle of a connection changes nothing", arguments: StateHook.allCases)
    func strayHandshake(hook: StateHook) throws {
        var talk = TCPTalk(try ConntrackRig(hook))
        try talk.handshake()
        #expect(try talk.serverSends("S", off: 123_456) == reply(.established))
        #expect(try talk.clientSends("SA", off: 123_456) == original(.established, .established))
        #expect(try talk.clientSends("A", payload: 10) == original(.established, .established))
        #expect(try talk.serverSends("A", payload: 10) == reply(.established))
    }

    @Test("a SYN-ACK that acknowledges another SYN is invalid", arguments: StateHook.allCases)
    func wrongAnswer(hook: StateHook) throws {
        var talk = TCPTalk(try ConntrackRig(hook))
        try talk.clientSends("S")
        #expect(try talk.serverSends("SA", off: 0, acknowledging: 5) == .invalid)
        #expect(try talk.serverSends("SA", off: 0, acknowledging: -1) == .invalid)
        #expect(try talk.serverSends("SA") == reply(.synReceived))
    }

    @Test("a client that has forgotten a connection can begin it anew", arguments: StateHook.allCases)
    func halfOpen(hook: StateHook) throws {
        var talk = TCPTalk(try ConntrackRig(hook))
        try talk.clientSends("S")
        // The server's connection of before is asked for, and the client refuses it (RFC 9293, 3.5.1).
        #expect(try talk.serverSends("A", off: 70_000, acknowledging: 1_000_000) == reply(.synSent))
        #expect(try talk.clientSends("R", off: 1_000_000).what != .invalid)
        #expect(try talk.clientSends("S", off: -1).state == .synSent)
        #expect(try talk.serverSends("SA") == reply(.synReceived))
        #expect(try talk.clientSends("A") == original(.established, .established))
    }

    @Test("a SYN in a connection that has ended begins another", arguments: StateHook.allCases)
    func reopening(hook: StateHook) throws {
        let rig = try ConntrackRig(hook)
        var talk = TCPTalk(rig)
        try talk.handshake()
        try talk.clientSends("RA")
        #expect(try talk.clientSends("S") == original(.new, .synSent))
        #expect(try talk.serverSends("SA") == reply(.synReceived))
        #expect(try rig.connections().count == 1)
        #expect(try rig.rig.counts("connections") == StateCounts(entries: 1, inserted: 2, deleted: 1))
    }

    /// Seconds by state: those of nf_conntrack.
    private static let timeouts: [(TCPState, String, UInt64)] = [
        (.synSent, "syn_sent", 120), (.synReceived, "syn_recv", 60), (.established, "established", 432_000),
        (.finWait, "fin_wait", 120), (.closeWait, "close_wait", 60), (.lastAck, "last_ack", 30),
        (.timeWait, "time_wait", 120), (.close, "close", 10),
    ]

    @Test("each state has its timeout, which the config can set")
    func timeouts() throws {
        let usual = try ConntrackRig(.tc)
        let set = try ConntrackRig(
            .tc, config: Dictionary(uniqueKeysWithValues: Self.timeouts.map { ("tcp_timeout_" + $0.1, $0.2 + 7) }))
        for (index, (state, name, seconds)) in Self.timeouts.enumerated() {
            for (rig, expected) in [(usual, seconds), (set, seconds + 7)] {
                try Self.bring(rig, to: state, port: UInt16(index + 1))
                #expect(try rig.secondsLeft() == expected, "\(name)")
                // One at a time: the next one shall be the only one.
                try rig.rig.set("mode", to: 3)
                _ = try rig(
                    FlowPacket.tcp(
                        TCPTalk(rig, port: UInt16(index + 1)).client, TCPTalk(rig).server, "R", sequence: 0))
                try rig.rig.set("mode", to: 0)
                #expect(try rig.connections().isEmpty)
            }
        }
    }

    private static func bring(_ rig: ConntrackRig, to state: TCPState, port: UInt16) throws {
        var talk = TCPTalk(rig, port: port)
        let steps: [(TCPTalk) throws -> (TCPTalk, Tracked)] = [
            {
                var talk = $0; let tracked = try talk.clientSends("S"); return (talk, tracked)
            },
            {
                var talk = $0; let tracked = try talk.serverSends("SA"); return (talk, tracked)
            },
            {
                var talk = $0; let tracked = try talk.clientSends("A"); return (talk, tracked)
            },
            {
                var talk = $0; let tracked = try talk.clientSends("FA"); return (talk, tracked)
            },
            {
                var talk = $0; let tracked = try talk.serverSends("A"); return (talk, tracked)
            },
            {
                var talk = $0; let tracked = try talk.serverSends("FA"); return (talk, tracked)
            },
            {
                var talk = $0; let tracked = try talk.clientSends("A"); return (talk, tracked)
            },
        ]
        if state == .close {
            try talk.handshake()
            #expect(try talk.clientSends("RA").state == .close)
            return
        }
        for step in steps {
            let (after, tracked) = try step(talk)
            talk = after
            if tracked.state == state { return }
        }
        Issue.record("\(state) was not reached")
    }
}
