// SPDX-License-Identifier: Apache-2.0

/// Modules and links that are to be there, by their names.
public struct ManifestSpecification: Sendable {
    /// A link of a manifest.
    public struct Link: Sendable, Hashable {
        /// A module's name, or `i:<interface>`, which need not be there yet.
        public var from: EndpointRequest
        public var to: EndpointRequest
        public var hook: LinkHook?

        public init(from: EndpointRequest, to: EndpointRequest, hook: LinkHook? = nil) {
            self.from = from
            self.to = to
            self.hook = hook
        }
    }

    public var modules: [ModuleSpecification]
    public var links: [Link]

    public init(modules: [ModuleSpecification], links: [Link]) {
        self.modules = modules
        self.links = links
    }
}

/// One thing that a transaction changed, or would change.
public struct ChangeState: Sendable, Hashable {
    public enum Action: String, Sendable, Hashable, CaseIterable {
        case create, update
        /// Of a module's code, while it runs.
        case replace
        case delete
    }

    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case module, link
    }

    public var action: Action
    public var kind: Kind
    public var name: String
    public var id: String
    /// What about it; nil for what is made or removed.
    public var detail: String?
}

/// What a transaction did.
public struct TransactionResult: Sendable, Hashable {
    /// The revision afterwards.
    public var revision: Int
    public var changes: [ChangeState]
}
