// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `include/hover/allocator.h`.
@Suite("port allocator")
struct AllocatorTests {
    /// Argument 0: 1 allocates, with the wanted port 1, the range 2 to 3, parity 4, protocol 5; 2 frees port 1.
    /// Answers the port, or 100,000 and an error number.
    private static let source = """
        #include <hover/allocator.h>
        #include <hover/flow.h>
        struct owner {
        	__u64 number;
        };
        HOVER_PORT_ALLOCATOR(mappings, struct owner, 70000, 0);
        __u32 owners[65536];
        __u64 allocated, twice, failed;
        static __u32 handle(void *pkt)
        {
        	struct hover_endpoint endpoint = { .protocol = argument(pkt, 5) };
        	__u32 wanted = argument(pkt, 1);
        	struct owner owner = { 1 };
        	struct hover_ports ports;
        	int error;

        	hover_map_ipv4(&endpoint.address, bpf_htonl(0x01020304));
        	if (argument(pkt, 0) == 2) {
        		endpoint.port = bpf_htons(wanted);
        		return mappings_delete(&endpoint);
        	}
        	hover_ports_begin(&ports, bpf_htons(wanted), argument(pkt, 2), argument(pkt, 3), argument(pkt, 4));
        	error = mappings_allocate(&endpoint, &ports, &owner);
        	if (error) {
        		__sync_fetch_and_add(&failed, 1);
        		return 100000 - error;
        	}
        	__sync_fetch_and_add(&allocated, 1);
        	if (__sync_fetch_and_add(&owners[bpf_ntohs(endpoint.port)], 1))
        		__sync_fetch_and_add(&twice, 1);
        	return bpf_ntohs(endpoint.port);
        }
        """

    private struct Allocator {
        let rig: StateRig

        init(_ hook: StateHook) throws {
            rig = try StateRig(AllocatorTests.source, at: hook)
        }

        func allocate(
            _ wanted: UInt64 = 0, from first: UInt64 = 1024, to last: UInt64 = 65535, parity: Bool = false,
            protocol number: UInt64 = 17
        ) throws -> UInt32 {
            try rig.call(1, wanted, first, last, parity ? 1 : 0, number)
        }

        func free(_ port: UInt32) throws -> UInt32 {
            try rig.call(2, UInt64(port), 0, 0, 0, 17)
        }
    }

    private static let exhausted = 100_000 + UInt32(EADDRINUSE)

    @Test("the port of the inside is kept where it is free", arguments: StateHook.allCases)
    func preservation(hook: StateHook) throws {
        let ports = try Allocator(hook)
        #expect(try ports.allocate(5000) == 5000)
        let other = try ports.allocate(5000)
        #expect(other != 5000)
        #expect((1024...65535).contains(other))
        // Another protocol has ports of its own.
        #expect(try ports.allocate(5000, protocol: 6) == 5000)
        #expect(try ports.free(5000) == 0)
        #expect(try ports.allocate(5000) == 5000)
    }

    @Test("a port outside of the range is not kept", arguments: StateHook.allCases)
    func range(hook: StateHook) throws {
        let ports = try Allocator(hook)
        for _ in 0..<50 {
            #expect((2000...2100).contains(try ports.allocate(80, from: 2000, to: 2100)))
        }
    }

    @Test("odd ports get odd ones, even ports even ones", arguments: [4000, 4001] as [UInt64], StateHook.allCases)
    func parity(wanted: UInt64, hook: StateHook) throws {
        let ports = try Allocator(hook)
        for _ in 0..<100 {
            #expect(try ports.allocate(wanted, from: 3001, to: 5000, parity: true) % 2 == UInt32(wanted % 2))
        }
    }

    @Test("every port of a small range is given out, then none", arguments: StateHook.allCases)
    func exhaustion(hook: StateHook) throws {
        let ports = try Allocator(hook)
        var given: Set<UInt32> = []
        for _ in 0..<128 {
            given.insert(try ports.allocate(from: 20_000, to: 20_127))
        }
        #expect(given == Set(20_000...20_127))
        #expect(try ports.allocate(from: 20_000, to: 20_127) == Self.exhausted)
        #expect(try ports.free(20_050) == 0)
        #expect(try ports.allocate(from: 20_000, to: 20_127) == 20_050)
    }

    @Test("ranges that hold no port, or none of the parity, are empty", arguments: StateHook.allCases)
    func empty(hook: StateHook) throws {
        let ports = try Allocator(hook)
        #expect(try ports.allocate(from: 2000, to: 1999) == Self.exhausted)
        #expect(try ports.allocate(3001, from: 2000, to: 2000, parity: true) == Self.exhausted)
        #expect(try ports.allocate(from: 65535, to: 65535) == 65535)
    }

    @Test("CPUs that allocate at once never get the same port", arguments: StateHook.allCases)
    func race(hook: StateHook) throws {
        let ports = try Allocator(hook)
        try onThreads(4) { _ in
            // All want the same one, and 60,000 of 64,512 are taken in the end.
            try ports.rig.call(1, 5000, 1024, 65535, 0, 17, times: 15_000)
        }
        #expect(try ports.rig.global("twice") == 0)
        let (allocated, failed) = (try ports.rig.global("allocated"), try ports.rig.global("failed"))
        #expect(allocated + failed == 60_000)
        // 128 tries find a free one even at the end, in all but one of 10,000 searches.
        #expect(failed < 60)
        #expect(try UInt64(ports.rig.size("mappings")) == allocated)
    }
}
