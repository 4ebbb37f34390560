// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import ModuleCompiler

/// Sources in the dialect of the original Hover, which BCC compiled.
@Suite struct DialectTests {
    @Test func everyTableAndMethodCompiles() async throws {
        let source = module(
            """
            #include <bcc/proto.h>
            #include <bcc/helpers.h>
            #include <uapi/linux/if_ether.h>

            struct key { ipv4_addr_t source; __be16 port; u16 reserved; };
            struct value { u64 packets; u64 bytes; };
            struct prefix { u32 length; ipv4_addr_t network; };

            BPF_TABLE("hash", struct key, struct value, flows, 16);
            BPF_TABLE("array", u32, u64, numbers, 4);
            BPF_TABLE("percpu_hash", u32, u64, local, 16);
            BPF_TABLE("percpu_array", int, u64, local_numbers, 4);
            BPF_TABLE("lru_hash", u64, mac_addr_t, recent, 16);
            BPF_TABLE("lpm_trie", struct prefix, u32, routes, 16);
            BPF_F_TABLE("lpm_trie", struct prefix, ipv6_addr_t, more_routes, 16, BPF_F_NO_PREALLOC);
            BPF_TABLE("prog", int, int, stages, 4);
            BPF_HASH(by_number);
            BPF_HASH(by_key, struct key);
            BPF_HASH(by_both, struct key, struct value);
            BPF_HASH(small, u32, u8, 7);
            BPF_ARRAY(row);
            BPF_ARRAY(typed_row, u16);
            BPF_ARRAY(short_row, struct value, 3);
            BPF_PERCPU_ARRAY(local_row, u64, 2);
            BPF_LPM_TRIE(tree, struct prefix, u64, 9);
            """,
            body: """
                struct key key = {};
                struct value none = {}, *flow = flows.lookup_or_init(&key, &none);
                flow->packets++;
                lock_xadd(&flow->bytes, 5);
                u32 number = 1;
                u64 *found = numbers.lookup(&number);
                if (found)
                    ++(*found);
                found = local.lookup_or_try_init(&number, &flow->packets);
                numbers.increment(number);
                numbers.increment(1, 4);
                numbers.atomic_increment(2, md->pktlen);
                local_numbers.increment(md->in_ifc);
                small.increment(3);
                by_key.increment(key);
                flows.update(&key, flow);
                flows.insert(&key, &none);
                flows.delete(&key);
                bpf_trace_printk("a line\\n");
                bpf_trace_printk("numbers %d %x\\n", md->in_ifc, number);
                bpf_printk("number %d", md->in_ifc);
                stages.call(pkt, md->in_ifc);
                return pkt_redirect(pkt, md, load_half(pkt, 12) == ETH_P_IP ? 1 : 2);
                """)
        let compiled = try await makeCompiler().compile(source, file: "tables.c")
        #expect(compiled.output == "")
        for name in ["flows_map", "routes_map", "stages_map", "hover:table", "hover:ipv4", "hover:mac", "hover:ipv6"] {
            #expect(compiled.object.holds(name), "\(name)")
        }
    }

    @Test func packetsAreReadThroughPointers() async throws {
        let source = """
            #include <bcc/proto.h>
            #include <bcc/helpers.h>
            #include <uapi/linux/bpf.h>
            #include <uapi/linux/if_ether.h>
            #include <uapi/linux/if_arp.h>
            #include <uapi/linux/if_packet.h>
            #include <uapi/linux/ip.h>
            #include <uapi/linux/in.h>
            #include <uapi/linux/icmp.h>
            #include <uapi/linux/udp.h>
            #include <uapi/linux/tcp.h>
            #include <uapi/linux/filter.h>
            #include <uapi/linux/pkt_cls.h>
            #include "iomodule.h"

            BPF_TABLE("hash", __be64, u32, stations, 1024);
            BPF_TABLE("hash", u16, struct { __be32 ip; __be64 mac : 48; }, ports, 32);

            struct frame {
              __be64 dst:48;
              __be64 src:48;
              __be16 proto;
            } __attribute__((packed));

            static inline u32 *learn(__be64 station, u32 port) {
              return stations.lookup_or_init(&station, &port);
            }

            static int handle_rx(void *skb, struct metadata *md) {
              struct __sk_buff *packet = (struct __sk_buff *)skb;
              void *data = (void *)(long)packet->data;
              void *data_end = (void *)(long)packet->data_end;
              struct frame *frame = data;
              if (data + sizeof(*frame) > data_end)
                return RX_DROP;
              u32 *port = learn(frame->src, md->in_ifc);
              if (*port != md->in_ifc)
                *port = md->in_ifc;
              if (!ports.lookup(&md->in_ifc))
                goto DROP;
              switch (frame->proto) {
                case htons(ETH_P_IP): goto ip;
                case htons(ETH_P_ARP): return RX_OK;
                default: goto DROP;
              }

              ip: ;
              struct iphdr *ip = data + sizeof(*frame);
              if (data + sizeof(*frame) + sizeof(*ip) > data_end)
                goto DROP;
              if (ip->ttl == 1) {
                u32 values[3];
                values[0] = bpf_htonl(ip->saddr);
                pkt_set_metadata(skb, values);
                pkt_controller(skb, md, PKT_BROADCAST);
                return RX_CONTROLLER;
              }
              __u32 old_ttl = ip->ttl, new_ttl = ip->ttl - 1;
              __be32 sum = bpf_csum_diff(&old_ttl, 4, &new_ttl, 4, 0);
              ip->ttl = new_ttl;
              bpf_l3_csum_replace(packet, sizeof(*frame) + offsetof(struct iphdr, check), 0, sum, 0);
              __be64 destination = bpf_htonll(1);
              u32 *out = stations.lookup(&destination);
              if (out) {
                pkt_redirect(skb, md, *out);
                return RX_REDIRECT;
              }
            DROP:
              bpf_trace_printk("[%d]: dropped\\n", md->module_id);
              return RX_DROP;
            }
            """
        #expect(try await makeCompiler().compile(source, file: "switch.c").output == "")
    }

    @Test(arguments: [
        (#"BPF_TABLE("extern", int, int, modules, 8);"#, "table modules is extern: a module reaches only its own"),
        (#"BPF_TABLE("shared", int, int, seen, 8);"#, "table seen is shared: a module's tables are its own"),
        (#"BPF_TABLE_PUBLIC("array", int, int, seen, 8);"#, "table seen is public: a module's tables are its own"),
        (#"BPF_TABLE("stacktrace", int, int, traces, 8);"#, "table traces: hover has hash, array, percpu_hash"),
        (#"BPF_TABLE("array", u16, int, row, 8);"#, "table row: the key of an array has 4 bytes"),
        ("BPF_PERF_OUTPUT(events);", "table events: hover has no perf events; send packets with pkt_controller"),
    ])
    func tablesThatCannotBeAreRefusedWithAReason(line: String, reason: String) async throws {
        let error = try await refusal(of: module(line))
        #expect(error.kind == .refused)
        #expect(error.diagnostics.first?.line == 1)
        #expect(error.message.contains(reason))
    }

    @Test func onlyNumbersAreIncremented() async throws {
        let error = try await refusal(
            of: module("BPF_HASH(flows, u32, struct { u32 a; });", body: "flows.increment(1);\nreturn RX_OK;"))
        #expect(error.message.contains("increment needs a table whose values are integers"))
    }

    @Test func packetsAsOffsetsAreRefusedWithAReason() async throws {
        let body = """
            u8 *cursor = 0;
            struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));
            return ethernet->type == ETH_P_IP ? RX_OK : RX_DROP;
            """
        let error = try await refusal(of: module("", body: body))
        #expect(error.diagnostics.first?.line == 5)
        #expect(error.message.contains("need BCC's rewriter; begin it at the packet"))
    }

    @Test func functionsOfTheModuleMayBeCalledAsMethodsAre() async throws {
        let source = module(
            """
            BPF_ARRAY(numbers, u64, 4);
            static int increment(int value) { return value + 1; }
            static void atomic_increment(int index, int by) { numbers.atomic_increment(index, by); }
            static void lookup(void) {}
            """, body: "lookup();\natomic_increment(increment(1), 2);\nreturn RX_OK;")
        #expect(try await makeCompiler().compile(source, file: "x.c").output == "")
    }

    @Test func headersOfTheLibraryResolve() async throws {
        let source = module("#include <stdint.h>\n#include <string.h>\n#include <arpa/inet.h>\n#include <linux/ipv6.h>")
        #expect(try await makeCompiler().compile(source, file: "x.c").output == "")
    }
}
