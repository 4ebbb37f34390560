// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `include/hover/set.h`.
@Suite("sets and prefixes")
struct SetTests {
    private static let source = """
        #include <hover/set.h>
        HOVER_SET(blocked, __u64, 4);
        HOVER_PREFIX_TABLE4(routes, __u32, 16);
        HOVER_PREFIX_TABLE6(routes6, __u32, 16);
        static __u32 handle(void *pkt)
        {
        	__u64 key = argument(pkt, 1);
        	ipv6_addr_t address;
        	__u32 *found;

        	switch (argument(pkt, 0)) {
        	case 0:
        		return blocked_has(&key);
        	case 1:
        		return blocked_add(&key);
        	case 2:
        		return blocked_remove(&key);
        	case 3:
        		found = routes_lookup(bpf_htonl(key));
        		return found ? *found : 0;
        	default:
        		pkt_load(pkt, 24, &address, 16);
        		found = routes6_lookup(&address);
        		return found ? *found : 0;
        	}
        }
        """

    @Test("a set has what was added and not removed", arguments: StateHook.allCases)
    func set(hook: StateHook) throws {
        let rig = try StateRig(Self.source, at: hook)
        #expect(try rig.call(0, 5) == 0)
        #expect(try rig.call(1, 5) == 0)
        #expect(try rig.call(1, 5) == 0)
        #expect(try rig.call(0, 5) == 1)
        for key in 6...8 as ClosedRange<UInt64> {
            #expect(try rig.call(1, key) == 0)
        }
        #expect(Int32(bitPattern: try rig.call(1, 9)) == -E2BIG)
        #expect(try rig.call(2, 5) == 0)
        #expect(try rig.call(0, 5) == 0)
        #expect(Int32(bitPattern: try rig.call(2, 5)) == -ENOENT)
    }

    @Test("an IPv4 address finds its longest prefix", arguments: StateHook.allCases)
    func prefix4(hook: StateHook) throws {
        let rig = try StateRig(Self.source, at: hook)
        let routes = try rig.map("routes")
        for (length, address, value) in [(8, [10, 0, 0, 0], 1), (16, [10, 1, 0, 0], 2), (32, [10, 1, 2, 3], 3)]
            as [(UInt64, [UInt8], UInt64)]
        {
            try routes.set(value.bytes(4), for: length.bytes(4) + address)
        }
        #expect(try rig.call(3, 0x0a01_0203) == 3)
        #expect(try rig.call(3, 0x0a01_0204) == 2)
        #expect(try rig.call(3, 0x0a02_0204) == 1)
        #expect(try rig.call(3, 0x0b02_0204) == 0)
        try routes.set(UInt64(9).bytes(4), for: [UInt8](repeating: 0, count: 8))
        #expect(try rig.call(3, 0x0b02_0204) == 9)
    }

    @Test("an IPv6 address finds its longest prefix", arguments: StateHook.allCases)
    func prefix6(hook: StateHook) throws {
        let rig = try StateRig(Self.source, at: hook)
        let routes = try rig.map("routes6")
        let net: [UInt8] = [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 12)
        try routes.set(UInt64(1).bytes(4), for: UInt64(32).bytes(4) + net)
        try routes.set(UInt64(2).bytes(4), for: UInt64(128).bytes(4) + net.dropLast() + [1])
        let prefix = UInt64(0xb80d_0120)
        #expect(try rig.call(4, prefix, 0x0100_0000_0000_0000) == 2)
        #expect(try rig.call(4, prefix, 0x0200_0000_0000_0000) == 1)
        #expect(try rig.call(4, prefix + 1, 0) == 0)
    }
}
