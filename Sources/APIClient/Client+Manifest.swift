// SPDX-License-Identifier: Apache-2.0

import HoverAPI

/// Transactions: the whole of modules and links at once.
extension HoverClient {
    /// Makes modules and links as the manifest has them, all or nothing; what is so already stays untouched.
    ///
    /// - Parameters:
    ///   - prune: also deletes modules and links that an earlier manifest named and this one does not.
    ///   - dryRun: only says what would change.
    public func apply(
        _ manifest: Manifest, prune: Bool = false, dryRun: Bool = false, ifMatch: Int? = nil
    ) async throws -> ManifestResult {
        try await send(
            .PUT, ["manifest"], query: [("prune", "\(prune)"), ("dry_run", "\(dryRun)")], body: manifest,
            ifMatch: ifMatch)
    }

    /// The states that can be gone back to, the newest first.
    public func revisions() async throws -> Revisions {
        try await get(["revisions"])
    }

    /// Makes modules and links as they were in a revision. That is a new revision itself.
    ///
    /// - Parameter dryRun: only says what would change.
    public func rollback(to number: Int, dryRun: Bool = false, ifMatch: Int? = nil) async throws -> ManifestResult {
        try await send(
            .POST, ["revisions", "\(number)", "rollback"], query: [("dry_run", "\(dryRun)")],
            body: [String: String](), ifMatch: ifMatch)
    }
}

/// What `hoverd` has in the kernel.
extension HoverClient {
    /// Compares what should be in the kernel with what is.
    public func doctor() async throws -> DoctorReport {
        try await get(["doctor"])
    }

    /// The same, and puts in order what can be.
    public func mend() async throws -> DoctorReport {
        try await send(.POST, ["doctor"], body: [String: String]())
    }

    /// Has `hoverd` remove all that it has in the kernel, and end. It answers before.
    ///
    /// - Parameter forget: also the stored state, so that the next start begins with nothing.
    public func down(forget: Bool = false) async throws {
        try await run(.POST, ["down"], query: [("forget", "\(forget)")], body: [String: String]())
    }
}
