// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Netlink
import TypedValue

/// A module as the controller keeps it.
struct ModuleRecord: Sendable, Hashable {
    var id: String
    /// Unique while `hoverd` runs; also the order in which tags put policies on a link.
    var number: UInt32
    var name: String
    var kind: ModuleKind
    var tags: [String]
    /// A policy's; the order in which they were asked for.
    var placements: [PlacementRecord] = []
    var source: String?
    var warnings: String
    var config: [String: TypedValue]
    var maxPort: Int
    /// The ports that have a program, ascending.
    var ports: [Int]
    var tables: [ModuleTable]
    /// What it may send to its slow path.
    var slowPathLimits = SlowPathLimits()
    /// Why it cannot run at xdp; nil when it can.
    var unfitForXDP: String?
    /// Whether it is loaded at xdp too, because packets reach it there.
    var isAtXDP = false
}

/// A link as the controller keeps it.
struct LinkRecord: Sendable, Hashable {
    var id: String
    /// The order in which links are shown.
    var number: Int
    var from: Endpoint
    var to: Endpoint
    /// Where packets of the link's interface are to enter; nil leaves it to Hover.
    var hook: LinkHook?
}

/// Where the packets of an interface enter a chain, as a request says it.
public enum LinkHook: String, Sendable, Hashable, CaseIterable {
    case tc
    /// Native, where the driver can; otherwise generic.
    case xdp
    case nativeXDP = "xdp-native"
    case genericXDP = "xdp-generic"

    /// Nil leaves it to the driver.
    var mode: XDPMode? {
        switch self {
        case .nativeXDP: .native
        case .genericXDP: .generic
        case .tc, .xdp: nil
        }
    }
}

/// A netdev, and what Hover must know besides to send to it.
struct InterfaceRecord: Sendable, Hashable {
    var interface: NetworkInterface
    /// The address of a veth's peer in another network namespace, once it was asked for.
    var peerAddress: [UInt8]?

    var index: Int { Int(interface.index) }
}

/// One direction of something that packets cross.
enum Edge: Sendable, Hashable {
    /// A link, from `from` to `to` or the other way.
    case link(String, reversed: Bool)
    /// An interface without a link: from it (`ingress`) or to it (`egress`), on the other side the Linux bridge that it
    /// is a member of, or else this host.
    case member(interface: Int, HookDirection)
}

/// One place where a policy lies.
struct Hop: Sendable, Hashable {
    var policy: String
    var handler: PolicyHandler
    /// The number of the policy's program for this place, and of the slot that leads on from it.
    var instance: Int

    var target: Target { .hop(policy: policy, instance: instance) }
    var slot: Slot { .hop(policy: policy, instance: instance) }
}

/// What the packets of an edge run through: from a slot, through policies, to a program.
struct Chain: Sendable, Hashable {
    var head: Slot
    var hops: [Hop]
    var terminal: Target

    var first: Target { hops.first?.target ?? terminal }
    /// The slot that leads to the terminal.
    var last: Slot { hops.last?.slot ?? head }
}

/// The programs that an interface has at present.
struct Attachment: Sendable, Hashable {
    var peer: [UInt8]?
    var hooks: Set<HookDirection>
    /// Whether it has xdp programs.
    var hasXDP = false
    /// Whether its packets enter at xdp.
    var isHookedAtXDP = false
}

/// A row of the model: what a change sets, and what a store would keep. Nil removes it.
enum Record: Sendable, Hashable {
    case module(String, ModuleRecord?)
    case link(String, LinkRecord?)
    case interface(Int, InterfaceRecord?)
    case chain(Edge, Chain?)
    case attachment(Int, Attachment?)
}
