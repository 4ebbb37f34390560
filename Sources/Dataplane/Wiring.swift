// SPDX-License-Identifier: Apache-2.0

/// A place in the kernel that says which program a packet runs next.
public enum Slot: Sendable, Hashable {
    /// Behind a forward module's port.
    case port(module: String, number: Int)
    /// After a place where a policy lies.
    case hop(policy: String, instance: Int)
    /// Where packets that an interface receives enter a chain.
    case ingress(interface: Int)
    /// Where packets that the kernel sends out of an interface enter a chain.
    case egress(interface: Int)
    /// Where packets that an interface receives enter a chain at xdp.
    case xdp(interface: Int)
}

/// A program that a slot can hold.
public enum Target: Sendable, Hashable {
    /// A forward module, receiving on a port.
    case port(module: String, number: Int)
    /// A policy at one of the places where it lies.
    case hop(policy: String, instance: Int)
    /// The way out to an interface.
    case exit(interface: Int)
    /// Back to the kernel, on the way that the packet was on.
    case `continue`(interface: Int)
}

/// The two handlers of a policy, and what its code sees as `md->in_ifc`.
public enum PolicyHandler: Int, Sendable, Hashable, Codable {
    case ingress = 1
    case egress = 2
}

/// The two directions of an interface's hook.
public enum HookDirection: String, Sendable, Hashable, Codable {
    case ingress, egress
}

/// Where programs run.
public enum Hook: String, Sendable, Hashable, CaseIterable {
    /// Traffic control: tcx links, clsact filters before Linux 6.6.
    case tc
    /// Before the kernel makes an skb of the packet.
    case xdp
}

/// How an interface runs xdp programs.
public enum XDPMode: String, Sendable, Hashable, CaseIterable {
    /// In its driver.
    case native
    /// In the kernel, on packets that the driver has received in its ordinary way.
    case generic
}
