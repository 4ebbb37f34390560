// SPDX-License-Identifier: Apache-2.0

import Dataplane

/// Something that is not as it should be.
public struct DoctorFinding: Sendable, Hashable {
    /// What is wrong with it.
    public enum State: String, Sendable, Hashable, CaseIterable {
        /// Should be in the kernel, as the store says, and is not, or leads elsewhere.
        case missing
        /// Is in the kernel, and belongs to nothing that the store has.
        case orphaned
    }

    /// As a person would name it.
    public var object: String
    public var state: State
    /// Why it could not be mended, or what it is.
    public var detail: String
    public var isMended: Bool
}

extension Controller {
    /// Compares what is to be there with what is.
    ///
    /// - Parameter mending: makes what is missing, and removes what is orphaned.
    public func examine(mending: Bool) async throws(HoverError) -> [DoctorFinding] {
        try await exclusively { () async throws(HoverError) in
            try await self.refreshInterfaces()
            let tables = self.model.modules.mapValues(\.tables)
            let plan = Plan.everything(in: self.model)
            let missing = await self.dataplane.ensure(plan, tables: tables, mending: mending)
            if mending {
                try await self.complete(missing)
            }
            var findings = missing.map {
                DoctorFinding(
                    object: $0.object, state: .missing,
                    detail: $0.failure ?? "the store has it, and the kernel had not",
                    isMended: mending && $0.failure == nil)
            }
            let orphans: Set<Pinned>
            do throws(DataplaneError) {
                orphans = try await self.dataplane.pinned().subtracting(self.model.pins)
            } catch {
                throw HoverError(error)
            }
            if mending, !orphans.isEmpty {
                try await self.remove(orphans)
            }
            findings += orphans.map {
                DoctorFinding(
                    object: $0.object, state: .orphaned, detail: "nothing in the store needs it", isMended: mending)
            }.sorted { $0.object < $1.object }
            return findings
        }
    }
}

extension Pinned {
    /// As a person would name it.
    fileprivate var object: String {
        switch self {
        case .module(let id, let generation):
            generation == 0 ? "module \(id)" : "module \(id), generation \(generation)"
        case .moduleAtXDP(let id): "module \(id) at xdp"
        case .port(let module, let number): "port \(number) of module \(module)"
        case .hop(let policy, let instance): "place \(instance) of policy \(policy)"
        case .interface(let index): "the programs of interface \(index)"
        case .hook(let index, let direction): "the \(direction.rawValue) hook of interface \(index)"
        case .xdpHook(let index): "the xdp hook of interface \(index)"
        case .promiscuity(let index): "promiscuous mode of interface \(index)"
        case .way(let slot): "the way from \(slot.object)"
        }
    }
}
