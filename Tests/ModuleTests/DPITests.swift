// SPDX-License-Identifier: Apache-2.0

import APIClient
import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// A classifier between two hosts, as its users see it.
@Suite struct DPITests {
    /// Two hosts behind a module that carries packets from one to the other, with a classifier around it.
    static func manifest(_ config: String = "{}", hook: String = "tc") -> String {
        """
        modules:
          - name: dpi
            type: dpi
            tags: [wire]
            config: \(config)
          - name: wire
            type: bpf/forward
            source: |
              static int handle_rx(void *pkt, struct metadata *md)
              {
              	return pkt_redirect(pkt, md, 3 - md->in_ifc);
              }
        links:
          - {from: wire, to: "i:left", hook: \(hook)}
          - {from: wire, to: "i:right", hook: \(hook)}
        """
    }

    /// Two hosts that say nothing of their own accord, and a socket on each.
    static func sockets(_ network: Network) async throws -> (left: FrameSocket, right: FrameSocket) {
        var sockets: [FrameSocket] = []
        for name in ["left", "right"] {
            let host = try await network.addHost(name)
            for words in [["down"], ["addrgenmode", "none"], ["up"]] {
                try await shell(["ip", "-n", host.namespace, "link", "set", "eth0"] + words)
            }
            sockets.append(try await FrameSocket.open(on: host))
        }
        return (sockets[0], sockets[1])
    }

    /// Waits until the slow path listens: packets before that pass without a copy.
    static func waitForSlowPath(_ client: HoverClient) async throws {
        try await wait(for: "the slow path") {
            try await client.entry("0", of: "listener", in: "dpi").value != 0
        }
    }

    static func list(
        _ key: String, of module: String = "dpi", _ client: HoverClient
    ) async throws -> [[String: TypedValue]] {
        guard case .array(let list)? = try await client.state(of: module)[key] else { return [] }
        return list.compactMap { if case .object(let members) = $0 { members } else { nil } }
    }

    /// The flow that began at a port; nil when there is none.
    static func flow(_ port: UInt16, _ client: HoverClient) async throws -> [String: TypedValue]? {
        try await list("flows", client).first {
            if case .string(let source)? = $0["source"] { source.hasSuffix(":\(port)") } else { false }
        }
    }

    /// What was counted of an application.
    static func count(
        _ key: String, of application: String, in module: String = "dpi", _ client: HoverClient
    ) async throws -> UInt64 {
        let row = try await list("applications", of: module, client).first { $0["application"] == .string(application) }
        guard case .unsigned(let count)? = row?[key] else { return 0 }
        return count
    }

    /// Waits until a flow has its final verdict, and checks it.
    static func check(
        _ port: UInt16, is application: String, host: String?, _ client: HoverClient,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await wait(for: "the verdict on port \(port)") {
            try await Self.flow(port, client)?["verdict"] == "final"
        }
        let flow = try await Self.flow(port, client) ?? [:]
        #expect(flow["application"] == .string(application), sourceLocation: sourceLocation)
        #expect(flow["host"] == host.map { .string($0) }, sourceLocation: sourceLocation)
    }

    /// Whether a frame that one end sends arrives at the other.
    static func arrives(
        _ frame: DPIFrame, from sender: FrameSocket, at receiver: FrameSocket, as expected: DPIFrame? = nil
    ) async throws -> Bool {
        while receiver.receive() != nil {}
        try sender.send(frame.bytes)
        // What is sent behind it gets there after it.
        var marker = DPIFrame(number: .icmp, payload: [1, 2, 3])
        marker.isReply = frame.isReply
        try sender.send(marker.bytes)
        var frames: [[UInt8]] = []
        try await wait(for: "the marker") {
            while let frame = receiver.receive() { frames.append(frame) }
            return frames.contains(marker.bytes)
        }
        return frames.contains((expected ?? frame).bytes)
    }

    @Test(arguments: ["tc", "xdp"]) func flowsGetTheirVerdicts(hook: String) async throws {
        try await HoverDaemon.with { daemon in
            let (left, right) = try await Self.sockets(daemon.network)
            try await daemon.apply(Self.manifest(hook: hook))
            try await Self.waitForSlowPath(daemon.client)
            var frames: [(DPIFrame, String, String)] = [
                (.dns("www.example.com"), "DNS", "www.example.com"),
                (.tls("www.youtube.com"), "YouTube", "www.youtube.com"),
                (.http("www.example.com"), "HTTP", "www.example.com"), (.quic, "QUIC", "example.com"),
            ]
            for index in frames.indices {
                frames[index].0.sourcePort = UInt16(5000 + index)
                frames[index].0.isIPv4 = index != 1
            }
            for (frame, application, host) in frames {
                #expect(try await Self.arrives(frame, from: left, at: right))
                try await Self.check(frame.sourcePort, is: application, host: host, daemon.client)
                // The next packet is counted as the application's: once, though it crosses the policy twice.
                var answer = frame
                answer.isReply = true
                #expect(try await Self.arrives(answer, from: right, at: left))
                #expect(try await Self.count("packets", of: application, daemon.client) == 1)
                #expect(try await Self.flow(frame.sourcePort, daemon.client)?["packets"] == 2)
            }
            let flow = try await Self.flow(5001, daemon.client) ?? [:]
            #expect(flow["master"] == "TLS")
            #expect(flow["category"] == "Media")
            #expect(flow["source"] == "[fd00::1]:5001")
            #expect(flow["destination"] == "[fd00::2]:443")
            let shown = try await daemon.hoverctl("get", "state", "dpi").output
            #expect(shown.contains("www.youtube.com"), "\(shown)")
        }
    }

    @Test(arguments: ["tc", "xdp"]) func aBlockedApplicationGoesNoFurther(hook: String) async throws {
        try await HoverDaemon.with { daemon in
            let (left, right) = try await Self.sockets(daemon.network)
            try await daemon.apply(
                Self.manifest("{rules: [{application: YouTube, action: block}]}", hook: hook))
            try await Self.waitForSlowPath(daemon.client)
            let video = DPIFrame.tls("www.youtube.com", port: 5000)
            var answer = video
            answer.isReply = true
            #expect(try await Self.arrives(video, from: left, at: right), "before anybody knows")
            try await Self.check(5000, is: "YouTube", host: "www.youtube.com", daemon.client)
            #expect(try await !Self.arrives(video, from: left, at: right))
            #expect(try await !Self.arrives(answer, from: right, at: left))
            #expect(try await Self.count("blocked", of: "YouTube", daemon.client) == 2)
            let other = DPIFrame.tls("www.example.com", port: 5001)
            #expect(try await Self.arrives(other, from: left, at: right))
            try await Self.check(5001, is: "TLS", host: "www.example.com", daemon.client)
            #expect(try await Self.arrives(other, from: left, at: right))
            // Another policy counts for flows that are known already, and needs no other programs.
            _ = try await daemon.client.updateModule(
                "dpi",
                ModuleChange(config: [
                    "rules": [
                        ["application": "YouTube", "action": "mark", "dscp": 8],
                        ["category": "Web", "action": "block"],
                    ]
                ]))
            var marked = video
            marked.trafficClass = 8 << 2
            #expect(try await Self.arrives(video, from: left, at: right, as: marked), "with a right checksum")
            #expect(try await !Self.arrives(other, from: left, at: right))
            #expect(try await daemon.client.module("dpi").generation == 0)
        }
    }

    @Test func realClientsAreClassifiedAndServed() async throws {
        try await HoverDaemon.with { daemon in
            let right = try await daemon.network.addHost("right", address: "10.0.0.2/24")
            let left = try await daemon.network.addHost("left", address: "10.0.0.1/24")
            try await daemon.apply(Self.manifest("{rules: [{application: HTTP, action: mark, dscp: 8}]}"))
            try await Self.waitForSlowPath(daemon.client)
            let go = daemon.folder + "/go"
            // It answers when it is told to.
            let server = """
                import http.server, os, time
                class Handler(http.server.BaseHTTPRequestHandler):
                    def do_GET(self):
                        while not os.path.exists("\(go)"):
                            time.sleep(0.01)
                        self.send_response(200)
                        self.send_header("Content-Length", "3000000")
                        self.end_headers()
                        self.wfile.write(b"x" * 3000000)
                server = http.server.HTTPServer(("10.0.0.2", 80), Handler)
                server.handle_request()
                """
            async let served = right.run("python3", "-c", server)
            async let size = left.run(
                "curl", "-s", "--retry", "50", "--retry-connrefused", "--retry-delay", "1", "-H",
                "Host: www.example.com", "-o", "/dev/null", "-w", "%{size_download}", "http://10.0.0.2/")
            try await wait(for: "the verdict", atMost: .seconds(20)) {
                try await Self.list("flows", daemon.client).contains { $0["host"] == "www.example.com" }
            }
            _ = FileManager.default.createFile(atPath: go, contents: nil)
            #expect(try await size == "3000000")
            _ = try await served
            let flows = try await Self.list("flows", daemon.client).filter { $0["application"] == "HTTP" }
            #expect(flows.count == 1)
            #expect(flows.first?["host"] == "www.example.com")
            #expect(try await Self.count("marked", of: "HTTP", daemon.client) > 0)
        }
    }

    @Test func verdictsOutliveTheDaemon() async throws {
        try await DaemonSequence.with { daemons in
            try await daemons.start()
            let (left, right) = try await Self.sockets(daemons.network)
            try await daemons.apply(Self.manifest("{rules: [{application: YouTube, action: block}]}"))
            try await Self.waitForSlowPath(daemons.client)
            let video = DPIFrame.tls("www.youtube.com", port: 5000)
            try left.send(video.bytes)
            try await Self.check(5000, is: "YouTube", host: "www.youtube.com", daemons.client)
            #expect(try await !Self.arrives(video, from: left, at: right))
            daemons.kill()
            #expect(try await !Self.arrives(video, from: left, at: right), "what is known stays known")
            let later = DPIFrame.tls("www.youtube.com", port: 5001)
            for _ in 0..<20 {
                #expect(try await Self.arrives(later, from: left, at: right), "nobody classifies it")
            }
            try await daemons.start()
            #expect(try await !Self.arrives(video, from: left, at: right))
            try await Self.check(5000, is: "YouTube", host: "www.youtube.com", daemons.client)
            #expect(try await Self.count("blocked", of: "YouTube", daemons.client) >= 3)
            // The slow path may begin a little after hoverd answers.
            try await wait(for: "the flow that began without hoverd") {
                try left.send(later.bytes)
                return try await Self.flow(5001, daemons.client)?["verdict"] == "final"
            }
            try await Self.check(5001, is: "YouTube", host: "www.youtube.com", daemons.client)
            #expect(try await !Self.arrives(later, from: left, at: right))
        }
    }

    @Test func whatAnEarlierDaemonFoundIsKept() async throws {
        try await DaemonSequence.with { daemons in
            try await daemons.start()
            let (left, right) = try await Self.sockets(daemons.network)
            try await daemons.apply(Self.manifest())
            try await Self.waitForSlowPath(daemons.client)
            let port: UInt16 = 2222
            let banner = DPIFrame(sourcePort: 5000, destinationPort: port, payload: Array("SSH-2.0-test\r\n".utf8))
            try left.send(banner.bytes)
            try await wait(for: "what is known so far") {
                try await Self.flow(5000, daemons.client)?["verdict"] == "provisional"
            }
            #expect(try await Self.flow(5000, daemons.client)?["application"] == "SSH")
            daemons.kill()
            try await daemons.start()
            // Of the rest, which is encrypted, nobody can tell.
            var index = 0
            try await wait(for: "the verdict") {
                var frame = DPIFrame.noise(index)
                frame.number = .tcp
                (frame.sourcePort, frame.destinationPort) = (5000, port)
                frame.sequence = UInt32(15 + 100 * index)
                index += 1
                #expect(try await Self.arrives(frame, from: left, at: right))
                return try await Self.flow(5000, daemons.client)?["verdict"] == "final"
            }
            #expect(try await Self.flow(5000, daemons.client)?["application"] == "SSH")
        }
    }

    @Test func otherProgramsKeepWhatIsKnown() async throws {
        try await HoverDaemon.with { daemon in
            let (left, right) = try await Self.sockets(daemon.network)
            try await daemon.apply(Self.manifest("{rules: [{application: YouTube, action: block}]}"))
            try await Self.waitForSlowPath(daemon.client)
            let video = DPIFrame.tls("www.youtube.com", port: 5000)
            try left.send(video.bytes)
            try await Self.check(5000, is: "YouTube", host: "www.youtube.com", daemon.client)
            _ = try await daemon.client.updateModule(
                "dpi",
                ModuleChange(config: ["packets": 5, "rules": [["application": "YouTube", "action": "block"]]]))
            #expect(try await daemon.client.module("dpi").generation == 1)
            #expect(try await !Self.arrives(video, from: left, at: right))
            try left.send(DPIFrame.dns("www.example.com", port: 5001).bytes)
            try await Self.check(5001, is: "DNS", host: "www.example.com", daemon.client)
        }
    }

    @Test func whatFlowsLeaveBehindIsRemoved() async throws {
        try await HoverDaemon.with { daemon in
            let (left, _) = try await Self.sockets(daemon.network)
            try await daemon.apply(Self.manifest("{flows: 16, timeout: 1}"))
            try await Self.waitForSlowPath(daemon.client)
            var port: UInt16 = 5000
            // More flows, one after the other, than there is room for answers. One that found none would be warned of.
            for _ in 0..<4 {
                for _ in 0..<12 {
                    try left.send(DPIFrame.dns("example.com", port: port).bytes)
                    port += 1
                }
                try await wait(for: "the flows to be seen and forgotten") {
                    let state = try await daemon.client.state(of: "dpi")
                    guard case .object(let counts)? = state["counts"], case .object(let flows)? = state["flow_counts"]
                    else { return false }
                    return counts["handed_up"] == TypedValue(port - 5000) && flows["entries"] == 0
                }
            }
            try await wait(for: "the last answer") {
                try await daemon.client.allEntries(of: "answers", in: "dpi").contains {
                    "\($0)".contains("\(port - 1)")
                }
            }
        }
    }

    @Test func aWrongNameIsRefusedWithTheRightOne() async throws {
        try await HoverDaemon.with { daemon in
            let request = ModuleRequest(
                name: "dpi", type: "dpi", config: ["rules": [["application": "Yotube", "action": "block"]]])
            do {
                _ = try await daemon.client.createModule(request)
                Issue.record("it was made")
            } catch {
                #expect("\(error)".contains("nDPI knows no application"), "\(error)")
                #expect("\(error)".contains("did you mean"))
            }
        }
    }
}
