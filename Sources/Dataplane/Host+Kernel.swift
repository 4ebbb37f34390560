// SPDX-License-Identifier: Apache-2.0

import BPF

extension Host {
    /// What the running kernel lacks and what Hover does without it, a sentence each (docs/kernels.md).
    ///
    /// - Parameter probe: asks the kernel; tests answer in its place.
    public static func kernelLimits(probe: (Feature) -> FeatureSupport = { $0.probe() }) -> [String] {
        Feature.allCases.compactMap { feature in
            switch probe(feature) {
            case .supported: nil
            case .unsupported(let since): "this kernel has no \(feature.name) (Linux \(since)): \(feature.fallback)"
            case .inconclusive(let reason):
                "cannot find out whether this kernel has \(feature.name) (\(reason)); if not, \(feature.fallback)"
            }
        }
    }
}

extension Feature {
    fileprivate var name: String {
        switch self {
        case .tcx: "tcx"
        case .redirectPeer: "bpf_redirect_peer"
        case .batchedLookup: "batched reading of maps"
        case .verifierLogEnd: "verifier log that keeps its end"
        case .taiClock: "bpf_ktime_get_tai_ns"
        case .longMetadata: "xdp metadata of more than 32 bytes"
        }
    }

    fileprivate var fallback: String {
        switch self {
        case .tcx: "interfaces are hooked by clsact filters"
        case .redirectPeer: "packets cannot be handed to the peers of veths"
        case .batchedLookup: "tables that change while they are read may be read in part"
        case .verifierLogEnd: "explaining why a program is refused can take 256 MiB of memory for a moment"
        case .taiClock: "Hover needs Linux 6.1, and what modules use of it may be refused"
        case .longMetadata: "packets with md->data are dropped on their way from xdp to tc, counted as hand_up"
        }
    }
}
