// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// Reads the packets that the fast path hands up, and tells it what flows they belong to.
struct DPISlowPath {
    private let module: any RunningModule
    private let answers: AnswerTable
    private let inspector: FlowInspector

    /// Of these at most, nDPI's memory is kept at once.
    private static let mostInspected = 16_384

    init(_ module: any RunningModule, _ answers: AnswerTable, flows: Int) {
        self.module = module
        self.answers = answers
        inspector = FlowInspector(mostFlows: min(flows, Self.mostInspected))
    }

    /// Works until the task is cancelled.
    func run() async throws {
        // Ten packets of 2,000 new flows a second. nDPI takes 3 to 5 µs for most packets and 37 for one of QUIC that it
        // decrypts, so it is busy for a tenth of the time, and with QUIC alone for three quarters.
        let packets = try await module.packets(SlowPathLimits(rate: 20_000, burst: 4000, snapLength: 2048))
        try await answers.begin()
        while let batch = await packets.nextBatch() {
            do {
                for finding in try await inspector.look(at: batch) {
                    try await answers.give(finding.verdict, on: finding.key)
                }
            } catch {
                if Task.isCancelled { return }
                module.logger.warning("module \(module.name): flows stay without a verdict: \(error)")
            }
        }
    }
}
