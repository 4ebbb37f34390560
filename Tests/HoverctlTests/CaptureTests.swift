// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import hoverctl

/// Packets on the command line.
@Suite struct CaptureTests {
    private static let packet = """
        {"time":"2026-01-01T12:34:56.123456789Z","port":1,"reason":7,"metadata":[1,2,3],"length":64,"captured":3,\
        "bytes":"AAH/","key":5}
        """
    private static let missed = """
        {"time":"2026-01-01T12:34:57.000000000Z","port":2,"reason":8,"metadata":[0,0,0],"length":3,"captured":3,\
        "bytes":"AAH/","missed":9}
        """
    private static let answers = [
        "GET /v1/modules/web/packets": ": listening\n\ndata: \(packet)\n\ndata: \(missed)\n\n",
        "GET /v1/modules/web/packets?rate=5&burst=6&snap_length=64": "data: \(packet)\n\n",
        "POST /v1/modules/web/packets": "",
        "GET /v1/modules/web/slow-path":
            #"{"rate":1,"burst":2,"snap_length":3,"listeners":4,"held":5,"expired":6,"overflowed":7}"#,
    ]

    private func run(_ words: String...) async throws -> (outcome: Outcome, requests: [String]) {
        let result = Result()
        try await FakeHover.with(Self.answers) { hover in
            await result.set(await hoverctl(words + ["--endpoint", hover.socket]), hover.requests)
        }
        return await (result.outcome, result.requests)
    }

    private actor Result {
        var outcome = Outcome(status: -1)
        var requests: [String] = []

        func set(_ outcome: Outcome, _ requests: [String]) {
            self.outcome = outcome
            self.requests = requests
        }
    }

    @Test func showsPacketsInLines() async throws {
        let (outcome, _) = try await run("capture", "web", "--count", "2")
        #expect(outcome.status == 0)
        #expect(
            outcome.output == """
                TIME             PORT  REASON      LENGTH  KEY         METADATA      BYTES
                12:34:56.123456  1     7           64      5           1,2,3         0001ff…
                12:34:57.000000  2     8           3       -           0,0,0         (9 missed before) 0001ff

                """, "\(outcome.output)")
    }

    @Test func showsDocuments() async throws {
        let json = try await run("capture", "web", "--count", "1", "-o", "json").outcome
        #expect(json.output.split(separator: "\n").count == 1)
        #expect(json.output.contains(#""bytes":"AAH/""#))
        let yaml = try await run("capture", "web", "--count", "2", "-o", "yaml").outcome
        #expect(yaml.output.components(separatedBy: "---\n").count == 3)
        #expect(yaml.output.contains("reason: 7\n"))
    }

    @Test func saysThatThePacketsEnd() async throws {
        let (outcome, _) = try await run("capture", "web")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("the packets of module 'web' end"))
    }

    @Test func changesLimits() async throws {
        let (outcome, requests) = try await run(
            "capture", "web", "--count", "1", "--rate", "5", "--burst", "6", "--snap-length", "64")
        #expect(outcome.status == 0)
        #expect(requests == ["GET /v1/modules/web/packets?rate=5&burst=6&snap_length=64"])
    }

    @Test func sendsAPacket() async throws {
        let (outcome, requests) = try await run("create", "packet", "web:3", "out", "ff:ff", "00 0A")
        #expect(outcome.output == "sent 4 bytes out port 3 of module web\n")
        let request = try #require(requests.first)
        #expect(request.hasPrefix("POST /v1/modules/web/packets ["))
        for member in [#""bytes":"//8ACg==""#, #""direction":"out""#, #""port":3"#] {
            #expect(request.contains(member), "\(request)")
        }
    }

    @Test func showsASlowPath() async throws {
        let (outcome, _) = try await run("get", "slow-path", "web")
        #expect(outcome.output.hasPrefix("RATE   BURST   SNAP-LENGTH   LISTENERS   HELD   EXPIRED   OVERFLOWED\n"))
        #expect(outcome.output.hasSuffix("1      2       3             4           5      6         7\n"))
    }
}
