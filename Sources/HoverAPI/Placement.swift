// SPDX-License-Identifier: Apache-2.0

/// An explicit place of a policy module: one direction at a port or an interface, and a position among the policies
/// that lie on the same way.
public struct Placement: Codable, Sendable, Hashable {
    /// A module (`m:<uuid>`, or in a request its unique display name), or `i:<interface name>`.
    public var node: String
    /// The module's port; null for an interface.
    public var port: Int?
    /// `ingress`: what the port or interface receives; `egress`: what leaves by it. Null in a request: both, which are
    /// two placements then.
    public var direction: String?
    /// `first` or `last`, in the order in which packets meet policies. A request without `at`, `before` and `after`
    /// means `last`; otherwise it has one of them.
    public var at: String?
    /// The policy directly before which it is put: an id, or in a request a unique display name.
    public var before: String?
    /// The policy directly after which it is put.
    public var after: String?

    public init(
        node: String, port: Int? = nil, direction: String? = nil, at: String? = nil, before: String? = nil,
        after: String? = nil
    ) {
        self.node = node
        self.port = port
        self.direction = direction
        self.at = at
        self.before = before
        self.after = after
    }
}
