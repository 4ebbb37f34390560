// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import TestSupport
import Testing
import TypedValue

/// Code and configuration that are exchanged while packets go through a module.
@Suite struct SwapTests {
    /// Counts packets in a table and lets all pass that are no ICMP, and ICMP if told so.
    private func counting(_ step: Int, value: String = "__u64", members: String = "", extra: String = "") -> String {
        """
        #include <hover/migrate.h>
        struct value { \(value) count; \(members) };
        struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32);
            __type(value, struct value); } counts SEC(".maps");
        __u64 total;
        const volatile __u32 limit = 1000000;
        \(extra)
        static int handle_rx(void *pkt, struct metadata *md)
        {
            __u32 key = md->in_ifc;
            struct value first = {}, *found = bpf_map_lookup_elem(&counts, &key);
            total += 1;
            if (!found) {
                bpf_map_update_elem(&counts, &key, &first, BPF_ANY);
                found = bpf_map_lookup_elem(&counts, &key);
            }
            if (!found || found->count > limit)
                return RX_DROP;
            found->count += \(step);
            pkt_redirect(pkt, md, md->in_ifc == 1 ? 2 : 1);
            return RX_REDIRECT;
        }
        """
    }

    private func behindCounting(_ sequence: DaemonSequence) async throws -> TestHost {
        try await sequence.start()
        let left = try await sequence.network.addHost("left", address: "10.0.0.1/24")
        try await sequence.network.addHost("right", address: "10.0.0.2/24")
        try await sequence.forward("counter", source: counting(1))
        try await sequence.link("i:left", to: "counter", 1)
        try await sequence.link("counter", 2, to: "i:right")
        #expect(try await left.pings("10.0.0.2", count: 3))
        return left
    }

    private func counts(_ sequence: DaemonSequence) async throws -> Int64 {
        let entries = try await sequence.client.allEntries(of: "counts", in: "counter")
        return entries.reduce(0) { sum, entry in
            guard case .object(let members) = entry.value, case .unsigned(let count)? = members["count"] else {
                if case .object(let members) = entry.value, case .signed(let count)? = members["count"] {
                    return sum + count
                }
                return sum
            }
            return sum + Int64(count)
        }
    }

    @Test func takesTheTablesOver() async throws {
        try await DaemonSequence.with { sequence in
            let left = try await behindCounting(sequence)
            let before = try await counts(sequence)
            #expect(before >= 6)
            let module = try await sequence.client.replaceCode(of: "counter", CodeRequest(source: counting(1000)))
            #expect(module.generation == 1)
            #expect(try await counts(sequence) >= before)
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await counts(sequence) >= before + 2000)
            #expect(try await sequence.client.doctor().findings.isEmpty)
            sequence.kill()
            try await sequence.start()
            #expect(try await sequence.client.module("counter").generation == 1)
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await sequence.client.doctor().findings.isEmpty)
        }
    }

    @Test func refusesATableThatItWouldReadOtherwise() async throws {
        try await DaemonSequence.with { sequence in
            let left = try await behindCounting(sequence)
            let code = CodeRequest(source: counting(1, value: "__u32"))
            let refused = try await refusal { try await sequence.client.replaceCode(of: "counter", code) }
            #expect(refused.status == 422)
            #expect(refused.detail.contains("table counts"), "\(refused.detail)")
            #expect(refused.detail.contains("member count was u64 and is u32"), "\(refused.detail)")
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await sequence.client.module("counter").generation == 0)
            #expect(try await sequence.client.doctor().findings.isEmpty)
        }
    }

    @Test func aTemporaryTableOfAnotherLayoutBeginsEmpty() async throws {
        func extra(_ type: String) -> String {
            """
            struct {
            	__uint(type, BPF_MAP_TYPE_HASH);
            	__uint(max_entries, 8);
            	__type(key, __u32);
            	__type(value, \(type));
            } last SEC(".maps") __attribute__((btf_decl_tag("hover:temporary")));
            """
        }
        try await DaemonSequence.with { sequence in
            let left = try await behindCounting(sequence)
            let before = try await counts(sequence)
            func swap(_ type: String) async throws -> [TypedValue] {
                _ = try await sequence.client.replaceCode(
                    of: "counter", CodeRequest(source: counting(1, extra: extra(type))))
                return try await sequence.client.allEntries(of: "last", in: "counter").map(\.value)
            }
            #expect(try await swap("__u32").isEmpty)
            try await sequence.client.setEntry(TableEntry(key: 1, value: 5), of: "last", in: "counter")
            #expect(try await swap("__u32") == [5], "the same layout")
            #expect(try await swap("__u64").isEmpty)
            #expect(try await counts(sequence) >= before)
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await sequence.client.doctor().findings.isEmpty)
        }
    }

    @Test func migratesValues() async throws {
        try await DaemonSequence.with { sequence in
            let left = try await behindCounting(sequence)
            let before = try await counts(sequence)
            let migration = """
                struct old { __u64 count; };
                HOVER_MIGRATE(counts, struct old, struct value)
                {
                    new->count = old->count + 1000000;
                    new->seen = 7;
                    return 0;
                }
                """
            _ = try await sequence.client.replaceCode(
                of: "counter",
                CodeRequest(
                    source: counting(1, members: "__u32 seen;", extra: migration).replacing(
                        "limit = 1000000", with: "limit = 100000000")))
            #expect(try await counts(sequence) >= before + 2_000_000, "each of two entries was migrated")
            #expect(try await left.pings("10.0.0.2"))
        }
    }

    @Test func codeThatDoesNotLoadChangesNothing() async throws {
        try await DaemonSequence.with { sequence in
            let left = try await behindCounting(sequence)
            let endless = counting(1).replacing("total += 1;", with: "for (;;) total += 1;")
            let unsafe = counting(1).replacing("total += 1;", with: "total += *(__u64 *)(long)md->in_ifc;")
            for source in ["int handle_rx(", endless, unsafe] {
                let refused = try await refusal {
                    try await sequence.client.replaceCode(of: "counter", CodeRequest(source: source))
                }
                #expect(refused.status == 422)
            }
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await sequence.client.module("counter").generation == 0)
            #expect(try await sequence.client.doctor().findings.isEmpty)
        }
    }

    @Test func configurationIsExchangedToo() async throws {
        try await DaemonSequence.with { sequence in
            let left = try await behindCounting(sequence)
            let module = try await sequence.client.updateModule("counter", ModuleChange(config: ["limit": 1]))
            #expect(module.generation == 1)
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"), "the limit is reached")
            _ = try await sequence.client.updateModule("counter", ModuleChange(config: [:]))
            #expect(try await left.pings("10.0.0.2"))
            let refused = try await refusal {
                try await sequence.client.updateModule("counter", ModuleChange(config: ["limt": 1]))
            }
            #expect(refused.detail.contains("limt"))
        }
    }

    @Test func policiesAreExchangedWhereTheyLie() async throws {
        try await DaemonSequence.with { sequence in
            try await sequence.start()
            let (left, _) = try await sequence.oneModule()
            let pass =
                "static int handle_rx(void *pkt, struct metadata *md) { return RX_OK; }\n"
                + "static int handle_tx(void *pkt, struct metadata *md) { return RX_OK; }\n"
            _ = try await sequence.client.createModule(
                ModuleRequest(name: "wall", type: "bpf/policy", tags: ["middle"], source: pass))
            #expect(try await left.pings("10.0.0.2"))
            _ = try await sequence.client.replaceCode(
                of: "wall", CodeRequest(source: pass.replacing("RX_OK", with: "RX_DROP")))
            #expect(try await !left.pings("10.0.0.2", wait: "0.2"))
            _ = try await sequence.client.replaceCode(of: "wall", CodeRequest(source: pass))
            #expect(try await left.pings("10.0.0.2"))
            #expect(try await sequence.client.doctor().findings.isEmpty)
        }
    }
}
