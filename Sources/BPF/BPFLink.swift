// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc

/// Which way packets go at an interface, as the interface sees it.
public enum TcxDirection: Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// Into the machine.
    case ingress
    /// Out of it.
    case egress

    /// `BPF_TCX_INGRESS` and `BPF_TCX_EGRESS` (Linux 6.6, include/uapi/linux/bpf.h, enum bpf_attach_type).
    var attachType: UInt32 {
        switch self {
        case .ingress: 46
        case .egress: 47
        }
    }

    public var description: String {
        switch self {
        case .ingress: "ingress"
        case .egress: "egress"
        }
    }
}

/// What the kernel knows of a tcx link.
public struct LinkInformation: Sendable, Hashable {
    /// The number by which any process can find the link while it exists.
    public let id: UInt32
    /// The attached program.
    public let programID: UInt32
    /// The interface's index; 0 when the interface is gone or the link is detached.
    public let interfaceIndex: UInt32
    /// The side that it is on; nil for a link that is not tcx.
    public let direction: TcxDirection?
}

/// A program's attachment to an interface by a tcx link (Linux 6.6) or an xdp link, held by a descriptor. It ends with
/// its last reference: a descriptor or a pin. Other programs on a tcx hook stay; this one comes after them.
public final class BPFLink: Sendable {
    /// The descriptor that holds it.
    public let descriptor: BPFDescriptor

    /// Attaches a program of type `sched_cls`.
    /// - Throws: EINVAL where the kernel has no tcx; ENODEV when there is no such interface in this network namespace.
    public init(
        tcx direction: TcxDirection, interfaceIndex: UInt32, program: BPFProgram
    ) throws(KernelError) {
        var attributes = hover_tcx_link_create()
        attributes.prog_fd = UInt32(bitPattern: program.descriptor.number)
        attributes.target_ifindex = interfaceIndex
        attributes.attach_type = direction.attachType
        let size = UInt32(MemoryLayout<hover_tcx_link_create>.size)
        FaultPoint.pass()
        let number = Int32(hover_bpf(Int32(BPF_LINK_CREATE.rawValue), &attributes, size))
        descriptor = BPFDescriptor(
            adopting: try check(number, "attach by tcx \(direction) to", "interface \(interfaceIndex)"))
    }

    /// Attaches a program of type `xdp`, by a link of Linux 5.9.
    /// - Parameter isNative: in the driver; otherwise in the kernel's generic way.
    /// - Throws: EOPNOTSUPP where the driver cannot; EBUSY when somebody else's program is there; ENODEV when there is
    ///   no such interface in this network namespace.
    public init(xdp isNative: Bool, interfaceIndex: UInt32, program: BPFProgram) throws(KernelError) {
        var attributes = hover_tcx_link_create()
        attributes.prog_fd = UInt32(bitPattern: program.descriptor.number)
        attributes.target_ifindex = interfaceIndex
        attributes.attach_type = 37  // BPF_XDP
        attributes.flags = isNative ? 1 << 2 : 1 << 1  // XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE (linux/if_link.h)
        let size = UInt32(MemoryLayout<hover_tcx_link_create>.size)
        FaultPoint.pass()
        let number = Int32(hover_bpf(Int32(BPF_LINK_CREATE.rawValue), &attributes, size))
        descriptor = BPFDescriptor(
            adopting: try check(
                number, "attach by \(isNative ? "native" : "generic") xdp to", "interface \(interfaceIndex)"))
    }

    /// Opens a pinned link.
    public init(pinned path: String) throws(KernelError) {
        descriptor = try openPin(path)
    }

    /// The numbers of the programs on one side of an interface, anybody's, in the order in which they run.
    /// - Throws: EINVAL where the kernel has no tcx; ENODEV when there is no such interface in this network namespace.
    public static func programs(
        tcx direction: TcxDirection, interfaceIndex: UInt32
    ) throws(KernelError) -> [UInt32] {
        // The kernel lets no more be on a hook (BPF_MPROG_MAX, include/linux/bpf_mprog.h).
        var ids = [UInt32](repeating: 0, count: 64)
        var count = UInt32(ids.count)
        let result = bpf_prog_query(
            Int32(bitPattern: interfaceIndex), bpf_attach_type(direction.attachType), 0, nil, &ids, &count)
        try check(result, "list the programs at tcx \(direction) of", "interface \(interfaceIndex)")
        return Array(ids.prefix(Int(count)))
    }

    /// Exchanges the program in one step: each packet meets the old one or the new one.
    public func update(program: BPFProgram) throws(KernelError) {
        FaultPoint.pass()
        try check(bpf_link_update(descriptor.number, program.descriptor.number, nil), "update", name)
    }

    /// Pins the link: the program then stays attached until the pin, and every other reference, is gone.
    public func pin(at path: String) throws(KernelError) {
        try BPF.pin(descriptor, at: path)
    }

    /// Takes the program off the interface, although pins and descriptors of the link remain.
    public func detach() throws(KernelError) {
        FaultPoint.pass()
        try check(bpf_link_detach(descriptor.number), "detach", name)
    }

    /// What the kernel knows of it now.
    public var information: LinkInformation {
        get throws(KernelError) {
            var raw = bpf_link_info()
            try readInformation(of: descriptor, into: &raw, object: name)
            // BPF_LINK_TYPE_TCX and its part of the union, `tcx { ifindex; attach_type }`, are of Linux 6.6. The member
            // `netns` of older headers has the same layout.
            let isTcx = raw.type == 11
            return LinkInformation(
                id: raw.id, programID: raw.prog_id, interfaceIndex: isTcx ? raw.netns.netns_ino : 0,
                direction: isTcx ? TcxDirection.allCases.first { $0.attachType == raw.netns.attach_type } : nil)
        }
    }

    private var name: String { "link on descriptor \(descriptor.number)" }
}
