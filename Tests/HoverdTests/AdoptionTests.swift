// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// What the next `hoverd` makes of what one before it left.
@Suite struct AdoptionTests {
    /// Counts packets by source address, and sends them on.
    static let learning = """
        struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4096); __type(key, __u64); __type(value, __u64); }
            seen SEC(".maps");
        static int handle_rx(void *pkt, struct metadata *md)
        {
            struct __sk_buff *skb = pkt;
            void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
            __u64 key = 0, one = 1, *count;
            if (data + 14 > end)
                return RX_DROP;
            __builtin_memcpy(&key, data + 6, 6);
            count = bpf_map_lookup_elem(&seen, &key);
            if (count)
                __sync_fetch_and_add(count, 1);
            else
                bpf_map_update_elem(&seen, &key, &one, BPF_ANY);
            pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1);
            return RX_REDIRECT;
        }
        """

    @Test(arguments: [true, false])
    func takesOverWhatRuns(killed: Bool) async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (left, _) = try await sequence.oneModule()
            #expect(try await left.pings("10.0.0.2"))
            let before = try await (sequence.client.modules(), sequence.client.links())
            if killed { sequence.kill() } else { try sequence.stop() }
            #expect(try await left.pings("10.0.0.2", count: 3), "with no hoverd at all")
            try await sequence.start()
            let after = try await (sequence.client.modules(), sequence.client.links())
            #expect(after.0.map(\.id) == before.0.map(\.id))
            #expect(after.1 == before.1)
            #expect((after.0.first?.ports.first?.counters.rxPackets ?? 0) >= 4, "counters go on")
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await sequence.client.doctor().findings.isEmpty)
            try await sequence.client.deleteModule("middle")
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"), "it is in control again")
        }
    }

    @Test func keepsWhatModulesLearntAndUsersSet() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let left = try await sequence.network.addHost("left", address: "10.0.0.1/24")
            try await sequence.network.addHost("right", address: "10.0.0.2/24")
            try await sequence.forward("learner", source: Self.learning)
            try await sequence.link("i:left", to: "learner", 1)
            try await sequence.link("learner", 2, to: "i:right")
            #expect(try await left.pings("10.0.0.2"))
            try await sequence.client.setEntry(TableEntry(key: 77, value: 5), of: "seen", in: "learner")
            let learnt = try await sequence.client.allEntries(of: "seen", in: "learner").map(\.key)
            #expect(learnt.count == 3)
            sequence.kill()
            try await sequence.start()
            #expect(try await sequence.client.allEntries(of: "seen", in: "learner").map(\.key) == learnt)
        }
    }

    @Test func afterARebootMakesAllOfItAgain() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (left, _) = try await sequence.oneModule()
            let policy = try await sequence.client.createModule(
                ModuleRequest(
                    name: "wall", type: "bpf/policy", tags: ["middle"],
                    source: "static int handle_rx(void *pkt, struct metadata *md) { return RX_OK; }\n"
                        + "static int handle_tx(void *pkt, struct metadata *md) { return RX_OK; }"))
            try await sequence.forward("learner", source: Self.learning)
            try await sequence.client.setEntry(TableEntry(key: 77, value: 5), of: "seen", in: "learner")
            try sequence.stop()
            // All that a reboot takes; the store stays.
            try await shell(sequence.command() + ["--down"])
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
            try await sequence.start()
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await sequence.client.module("wall").id == policy.id)
            #expect(try await sequence.client.allEntries(of: "seen", in: "learner").map(\.value) == [5])
            #expect(try await sequence.client.doctor().findings.isEmpty)
        }
    }

    @Test func whatIsMissingIsMade() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (left, _) = try await sequence.oneModule()
            let module = try await sequence.client.module("middle")
            let pins = sequence.pinFolder + "/modules/" + module.id.dropFirst(2)
            try await shell("rm", pins + "/ports/2")
            let findings = try await sequence.client.doctor().findings
            #expect(findings.contains { $0.object.contains("port 2") && $0.state == "missing" && !$0.mended })
            #expect(try await sequence.client.mend().findings.allSatisfy(\.mended))
            #expect(try await sequence.client.doctor().findings.isEmpty)
            try await sequence.forward("learner", source: Self.learning)
            try await sequence.client.setEntry(TableEntry(key: 77, value: 5), of: "seen", in: "learner")
            let learner = try await sequence.client.module("learner")
            try await shell("rm", "-r", sequence.pinFolder + "/modules/" + learner.id.dropFirst(2))
            #expect(try await sequence.client.mend().findings.allSatisfy(\.mended))
            #expect(try await sequence.client.allEntries(of: "seen", in: "learner").map(\.value) == [5], "mended too")
            sequence.kill()
            try await shell("rm", "-r", pins)
            try await sequence.start()
            #expect(try await left.pings("10.0.0.2"))
            #expect(sequence.log.contains("was missing"))
        }
    }

    @Test func ofAnotherStoreEverythingRunsOn() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (left, _) = try await sequence.oneModule()
            sequence.kill()
            let store = sequence.folder + "/state/hover.db"
            try FileManager.default.removeItem(atPath: store + "-wal")
            try Data(repeating: 0x5a, count: 8192).write(to: URL(filePath: store))
            try await sequence.start()
            #expect(sequence.log.contains("damaged"))
            #expect(try await left.pings("10.0.0.2"), "what runs goes on")
            #expect(try await sequence.client.modules().isEmpty)
            #expect(try await sequence.forward("new").number > 1, "the one that runs on is number 1")
            let aside = try FileManager.default.contentsOfDirectory(atPath: sequence.folder + "/state")
            #expect(aside.contains { $0.contains("damaged") })
        }
    }

    @Test func aNewerStoreIsRefused() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            try sequence.stop()
            try await shell(
                "python3", "-c",
                "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); "
                    + "d.execute(\"INSERT INTO grdb_migrations VALUES ('from the future')\"); d.commit()",
                sequence.folder + "/state/hover.db")
            let result = try await attempt(sequence.command())
            #expect(!result.succeeded)
            #expect(result.errors.contains("newer hoverd"), "\(result.errors)")
            try await shell(
                "python3", "-c",
                "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); "
                    + "d.execute(\"DELETE FROM grdb_migrations WHERE identifier = 'from the future'\"); d.commit()",
                sequence.folder + "/state/hover.db")
        }
    }
}
