// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc

/// A program's attachment to an interface by a filter of the `clsact` qdisc, for kernels without tcx (before 6.6).
///
/// Hover has one filter a direction: priority 65280, so that other people's come before it, and handle 0x486f ("Ho"),
/// both fixed, so that whoever comes later finds it. Its program's return value is the verdict (direct action). It
/// stays attached when this process ends.
public struct ClsactFilter: Sendable, Hashable {
    /// The side of the interface.
    public let direction: TcxDirection
    /// The interface's index.
    public let interfaceIndex: UInt32

    private static let handle: UInt32 = 0x486f
    private static let priority: UInt32 = 0xff00

    /// Nothing reaches the kernel before `attach`.
    public init(direction: TcxDirection, interfaceIndex: UInt32) {
        self.direction = direction
        self.interfaceIndex = interfaceIndex
    }

    /// Attaches a program of type `sched_cls`; one that is attached already is replaced in one step. The qdisc is made
    /// when it is missing.
    public func attach(_ program: BPFProgram) throws(KernelError) {
        FaultPoint.pass()
        var hook = hook(direction.attachPoint)
        var options = options
        options.prog_fd = program.descriptor.number
        options.flags = BPF_TC_F_REPLACE.rawValue
        let (result, messages) = LibBPFMessages.capture {
            let created = bpf_tc_hook_create(&hook)
            return created == 0 || created == -EEXIST ? bpf_tc_attach(&hook, &options) : created
        }
        guard result == 0 else { throw failure("attach by clsact \(direction) to", -result, messages) }
    }

    /// The id of the program that it has; nil when it is not there.
    public var programID: UInt32? {
        var hook = hook(direction.attachPoint)
        var options = options
        guard LibBPFMessages.capture({ bpf_tc_query(&hook, &options) }).0 == 0 else { return nil }
        return options.prog_id
    }

    /// Takes the filter off. The qdisc goes too, when it has no filter left in either direction. Not attached, or the
    /// interface gone: no error.
    public func detach() throws(KernelError) {
        var hook = hook(direction.attachPoint)
        var options = options
        let (result, messages) = LibBPFMessages.capture { bpf_tc_detach(&hook, &options) }
        // EINVAL: there is no such qdisc.
        let isMissing = [-ENODEV, -ENOENT, -EINVAL].contains(result)
        guard result == 0 || isMissing else { throw failure("detach by clsact \(direction) from", -result, messages) }
        guard result == 0, try TrafficControl.filterCount(interfaceIndex: interfaceIndex) == 0 else { return }
        var both = self.hook(bpf_tc_attach_point(BPF_TC_INGRESS.rawValue | BPF_TC_EGRESS.rawValue))
        let (removed, warnings) = LibBPFMessages.capture { bpf_tc_hook_destroy(&both) }
        guard [0, -ENODEV, -ENOENT, -EINVAL].contains(removed) else {
            throw failure("remove the clsact qdisc of", -removed, warnings)
        }
    }

    private func hook(_ point: bpf_tc_attach_point) -> bpf_tc_hook {
        var hook = bpf_tc_hook()
        hook.sz = hover_tc_hook_size
        hook.ifindex = Int32(bitPattern: interfaceIndex)
        hook.attach_point = point
        return hook
    }

    private var options: bpf_tc_opts {
        var options = bpf_tc_opts()
        options.sz = hover_tc_size
        options.handle = ClsactFilter.handle
        options.priority = ClsactFilter.priority
        return options
    }

    private func failure(_ operation: String, _ number: Int32, _ messages: [String]) -> KernelError {
        KernelError(
            operation: operation, object: "interface \(interfaceIndex)", errno: number, reason: messages.last)
    }
}

extension TcxDirection {
    fileprivate var attachPoint: bpf_tc_attach_point {
        switch self {
        case .ingress: BPF_TC_INGRESS
        case .egress: BPF_TC_EGRESS
        }
    }
}
