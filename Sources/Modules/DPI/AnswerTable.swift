// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// The fast path's table of verdicts (`answers`), which the slow path fills. The fast path takes an answer over into its
/// flow once; what flows leave behind when they end is removed here, when there is much of it.
actor AnswerTable {
    private let module: any RunningModule
    /// Entries, at most.
    private var count = 0
    /// How many entries there may be until the next look for what is left over.
    private var limit = 0

    init(_ module: any RunningModule) {
        self.module = module
    }

    private static let only = StructureBytes().u32(0).bytes

    /// Has the fast path send packets anew of flows whose verdict is not final: what an earlier `hoverd` knew of them is
    /// lost.
    func begin() async throws {
        try await removeLeftOver()
        try await module.set(
            StructureBytes().u32(UInt32.random(in: 1...UInt32.max)).bytes, for: Self.only, in: "listener")
    }

    /// Tells the fast path what a flow is.
    func give(_ verdict: Verdict, on flow: FlowKey) async throws {
        if count >= limit {
            try await removeLeftOver()
        }
        try await module.set(try await better(verdict, on: flow).answer(id: flow.id), for: flow.bytes, in: "answers")
        count += 1
    }

    /// An earlier `hoverd` may have known of the flow's beginning what cannot be seen in its middle.
    private func better(_ verdict: Verdict, on flow: FlowKey) async throws -> Verdict {
        guard verdict.application == 0 || verdict.isGuessed,
            let bytes = try await module.value(of: flow.bytes, in: "answers")
        else { return verdict }
        var (earlier, id) = Verdict.answer(bytes)
        guard id == flow.id, earlier.application != 0 else { return verdict }
        earlier.isFinal = verdict.isFinal
        return earlier
    }

    /// Removes the answers on flows that are no more. There is room for twice as many answers as there can be flows, so
    /// it is seldom done.
    private func removeLeftOver() async throws {
        let flows = try await module.flows(limit: .max)
        let living = Dictionary(flows.map { ($0.key.bytes, $0.key.id) }, uniquingKeysWith: { first, _ in first })
        count = 0
        for entry in try await module.entries(of: "answers", limit: .max) {
            if living[entry.key] == Verdict.answer(entry.value).id {
                count += 1
            } else {
                try await module.remove(entry.key, from: "answers")
            }
        }
        let configuration = try DPIConfiguration(ConfigReader(await module.configuration()))
        limit = count + min(configuration.flows, 2 * configuration.flows - count)
    }
}
