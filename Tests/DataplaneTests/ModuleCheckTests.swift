// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Testing

/// Objects that are refused, and that nothing is left of them.
@Suite struct ModuleCheckTests {
    private static let handler = "static int handle_rx(void *pkt, struct metadata *md) { return RX_OK; }\n"

    @Test(arguments: [
        (
            "struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, int); __type(value, int); "
                + "__uint(pinning, LIBBPF_PIN_BY_NAME); } t SEC(\".maps\");", "pinned"
        ),
        (
            "struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 400000000); __type(key, int); "
                + "__type(value, int); } t SEC(\".maps\");", "1 GiB"
        ),
        (
            "struct { __uint(type, BPF_MAP_TYPE_SOCKMAP); __uint(max_entries, 1); __uint(key_size, 4); "
                + "__uint(value_size, 4); } t SEC(\".maps\");", "sockmap"
        ),
        ("SEC(\"xdp\") int other(struct xdp_md *x) { return 2; }", "other"),
        ("#include <hover/entry.h>", "hover_entries"),
        (
            "struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __uint(key_size, 3); "
                + "__uint(value_size, 4); } t SEC(\".maps\");", "t"
        ),
        (
            "struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __uint(key_size, 4); "
                + "__uint(value_size, 0); } t SEC(\".maps\");", "t"
        ),
    ])
    func refuses(_ addition: String, words: String) async throws {
        try await Rig.with { rig in
            let error = await #expect(throws: DataplaneError.self) {
                try await rig.load("bad", addition + "\n" + Self.handler)
            }
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
            let left = try BPFFileSystem.contents(of: rig.root + "/modules")
            #expect(left.isEmpty)
        }
    }

    @Test func everyPortIsVerifiedAtOnce() async throws {
        // Wrong for port 3 alone, which has no program yet.
        let source = """
            static int handle_rx(void *pkt, struct metadata *md)
            {
            	struct __sk_buff *skb = pkt;
            	__u8 *data = (void *)(long)skb->data;
            	if (md->in_ifc == 3)
            		return data[1000];
            	return RX_OK;
            }
            """
        try await Rig.with { rig in
            let error = await #expect(throws: DataplaneError.self) {
                try await rig.load("late", source, ports: 1)
            }
            guard case .verifier(let refused) = error else {
                Issue.record("not the verifier: \(error?.description ?? "")")
                return
            }
            #expect(refused.location?.line == 6)
        }
    }
}
