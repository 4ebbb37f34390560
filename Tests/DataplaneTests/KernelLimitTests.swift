// SPDX-License-Identifier: Apache-2.0

import BPF
import Testing

@testable import Dataplane

@Suite struct KernelLimitTests {
    @Test func `of what the kernel has nothing is said`() {
        #expect(Host.kernelLimits { _ in .supported }.isEmpty)
    }

    @Test func `for each feature that is missing it is said what Hover does without`() {
        let lines = Host.kernelLimits { .unsupported(since: $0.since) }
        #expect(lines.count == Feature.allCases.count)
        #expect(lines.contains("this kernel has no tcx (Linux 6.6): interfaces are hooked by clsact filters"))
    }

    @Test func `what cannot be found out is said with the reason`() {
        let lines = Host.kernelLimits { $0 == .tcx ? .inconclusive("no memory") : .supported }
        #expect(lines.count == 1)
        #expect(lines.allSatisfy { $0.contains("tcx (no memory)") })
    }
}
