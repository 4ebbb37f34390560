// SPDX-License-Identifier: Apache-2.0

/// Why a packet ended in a module; the order is that of `enum hover_drop_reason` in `include/hover/program.h`.
public enum DropReason: Int, Sendable, CaseIterable {
    /// The module answered `RX_DROP`.
    case verdict
    /// The module answered `RX_ERROR`, or a number that is no verdict.
    case error
    /// The packet left by a port that has no link.
    case unlinked
    /// The packet was redirected to a port that the module cannot have.
    case noPort
    /// The packet crossed more hops than the kernel allows a chain of tail calls.
    case loop
    /// The packet was sent to a slow path that does not listen.
    case controller

    /// The reason as users read it.
    public var name: String {
        switch self {
        case .verdict: "verdict"
        case .error: "error"
        case .unlinked: "unlinked"
        case .noPort: "no_port"
        case .loop: "loop"
        case .controller: "controller"
        }
    }

    /// How many counters the kernel side keeps, the ones without a name included.
    static let capacity = 16
}
