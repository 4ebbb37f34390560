// SPDX-License-Identifier: Apache-2.0

extension Controller {
    /// Returns when somebody asks `hoverd` to remove everything and end (`requestEnd`), or the task is cancelled.
    public func wishToEnd() async {
        for await _ in endRequests.stream { return }
    }

    /// Asks `hoverd` to remove all that it has in the kernel, and to end.
    ///
    /// - Parameter forgetting: removes the modules and links from the store too, so that the next `hoverd` begins with
    ///   nothing; they can be rolled back to.
    public func requestEnd(forgetting: Bool) async throws(HoverError) {
        if forgetting {
            try await exclusively { () async throws(HoverError) in
                try await self.change("forget everything") {
                    (model: inout Model, plan: inout Plan) throws(HoverError) in
                    for module in model.modules.values.sorted(by: { $0.number < $1.number }) {
                        try model.planDeletion(of: module, in: &plan)
                    }
                }
            }
        }
        endRequests.continuation.yield()
    }
}
