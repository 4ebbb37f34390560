// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Synchronization

/// Who asks for a change, and for which revision; what the northbound knows of a request.
public enum ChangeContext {
    /// `user@host`.
    @TaskLocal public static var author = "hoverd"
    /// The revision that the change was thought for; nil takes any.
    @TaskLocal public static var expectedRevision: Int?
    /// Where the revision that the change makes is noted.
    @TaskLocal public static var made: RevisionMade?
}

/// The number of the revision that a request made.
public final class RevisionMade: Sendable {
    private let value = Mutex<Int?>(nil)

    public init() {}

    /// Nil as long as there is none.
    public var number: Int? { value.withLock { $0 } }

    func set(_ number: Int) { value.withLock { $0 = number } }
}

extension Controller {
    /// Plans a change, carries it out, and keeps it; or leaves everything as it was and throws.
    ///
    /// - Parameter summary: what the list of revisions says, like `create module web`.
    @discardableResult
    func change<Result: Sendable>(
        _ summary: String, _ planning: (inout Model, inout Plan) throws(HoverError) -> Result
    ) async throws(HoverError) -> Result {
        try checkRevision()
        return try await change(ChangeNote(author: ChangeContext.author, summary: summary), planning)
    }

    /// Refuses a change that was thought for another revision.
    func checkRevision() throws(HoverError) {
        guard let expected = ChangeContext.expectedRevision, expected != revision else { return }
        throw HoverError(
            .stale,
            "the change was made for revision \(expected), and this is revision \(revision): look at what changed, and "
                + "ask again")
    }

    /// The same for changes that nobody asked for.
    @discardableResult
    func change<Result: Sendable>(
        _ note: ChangeNote, _ planning: (inout Model, inout Plan) throws(HoverError) -> Result
    ) async throws(HoverError) -> Result {
        var plan = Plan()
        var phases = Phases()
        do throws(HoverError) {
            let result = try planning(&model, &plan)
            plan.settle(in: model)
            phases.end("plan")
            try await execute(&plan, note, &phases)
            logger.debug("\(note.summary): \(phases.text)")
            return result
        } catch {
            model.rollBack(plan)
            throw error
        }
    }

    private func execute(
        _ plan: inout Plan, _ note: ChangeNote, _ phases: inout Phases
    ) async throws(HoverError) {
        let loaded = try await perform(plan)
        for (id, tables) in loaded {
            guard var module = model.modules[id] else { continue }
            module.tables = tables
            model.set(.module(id, module), in: &plan)
        }
        phases.end("kernel")
        do throws(HoverError) {
            try await keep(Difference(from: plan.before, to: model), plan.entries, note)
        } catch {
            await dataplane.undo(plan.actions)
            throw error
        }
        phases.end("store")
        if !plan.releases.isEmpty {
            await dataplane.perform(plan.releases)
        }
        phases.end("releases")
        tellSlowPaths(of: Difference(from: plan.before, to: model))
    }

    private func perform(_ plan: Plan) async throws(HoverError) -> [String: [ModuleTable]] {
        guard !plan.actions.isEmpty else { return [:] }
        do throws(FailedAction) {
            return try await dataplane.perform(plan)
        } catch {
            var refusal = HoverError(error.error)
            refusal.module = error.action.module
            throw refusal
        }
    }

    /// What the kernel has done already comes into the store; without that, it has to be undone.
    func keep(_ difference: Difference, _ entries: [StoredEntry], _ note: ChangeNote) async throws(HoverError) {
        let change = StoredChange(
            modules: difference.modules, links: difference.links, hops: difference.hops, entries: entries, note: note)
        guard !change.isEmpty else { return }
        if let number = try await store.commit(change) {
            revision = number
            ChangeContext.made?.set(number)
        }
    }
}
