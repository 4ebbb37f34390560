// SPDX-License-Identifier: Apache-2.0

/// Why a packet ended in a module; the order is that of `enum hover_event` in `include/hover/program.h`.
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
    /// The packet was sent to a slow path, and nobody listens.
    case controller
    /// The module sends more to its slow path than it may.
    case controllerRate
    /// The slow path does not read fast enough: its ring is full.
    case controllerFull
    /// The kernel had no memory for a copy, or the copy's interface is down.
    case copy
    /// A packet at xdp could not be handed up to tc.
    case handUp

    /// The reason as users read it.
    public var name: String {
        switch self {
        case .verdict: "verdict"
        case .error: "error"
        case .unlinked: "unlinked"
        case .noPort: "no_port"
        case .loop: "loop"
        case .controller: "controller"
        case .controllerRate: "controller_rate"
        case .controllerFull: "controller_full"
        case .copy: "copy"
        case .handUp: "hand_up"
        }
    }

    /// How many counters the kernel side keeps, the ones without a name included.
    static let capacity = 16
}
