// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc

/// Whether the running kernel can do something.
public enum FeatureSupport: Sendable, Hashable {
    case supported
    /// Linux has it since the version named, if it is configured.
    case unsupported(since: String)
    /// The kernel refused for another reason, in its words: no permission, no memory.
    case inconclusive(String)
}

/// Something that not every kernel can do, found out by trying it without effect.
public enum Feature: Sendable, Hashable, CaseIterable {
    /// Links to an interface's tcx hooks (`BPFLink`).
    case tcx
    /// The helper `bpf_redirect_peer` in programs on tc hooks.
    case redirectPeer
    /// Reading many entries of a hash map at once.
    case batchedLookup

    /// The first version of Linux that has it.
    public var since: String {
        switch self {
        case .tcx: "6.6"
        case .redirectPeer: "5.10"
        case .batchedLookup: "5.6"
        }
    }

    /// Asks the running kernel. Costs a few system calls each time.
    public func probe() -> FeatureSupport {
        do throws(KernelError) {
            let isSupported =
                switch self {
                case .tcx: try Feature.hasTcx()
                case .redirectPeer: try Feature.hasRedirectPeer()
                case .batchedLookup: try Feature.hasBatchedLookup()
                }
            return isSupported ? .supported : .unsupported(since: since)
        } catch {
            return .inconclusive(error.description)
        }
    }

    /// Attaches to interface 0, which there never is. A kernel that knows the hook looks for the interface: ENODEV. One
    /// that does not know the attach type gives EINVAL before it looks (kernel/bpf/syscall.c, link_create).
    private static func hasTcx() throws(KernelError) -> Bool {
        let program = try load([move(register: 0, 0), exit])
        do {
            _ = try BPFLink(tcx: .ingress, interfaceIndex: 0, program: program)
            return true
        } catch {
            switch error.errno {
            case ENODEV: return true
            case EINVAL: return false
            default: throw error
            }
        }
    }

    /// The verifier refuses a helper that it does not know with EINVAL, and this program for nothing else.
    private static func hasRedirectPeer() throws(KernelError) -> Bool {
        var call = bpf_insn()
        call.code = UInt8(BPF_JMP | BPF_CALL)
        call.imm = Int32(BPF_FUNC_redirect_peer.rawValue)
        do {
            _ = try load([move(register: 1, 0), move(register: 2, 0), call, exit])
            return true
        } catch {
            guard error.errno == EINVAL else { throw error }
            return false
        }
    }

    /// The end of an empty map is ENOENT. A kernel that does not know the command gives EINVAL.
    private static func hasBatchedLookup() throws(KernelError) -> Bool {
        let map = try BPFMap(create: .hash, name: "hover_probe", keySize: 4, valueSize: 4, maxEntries: 1)
        var cursor: [UInt8] = [0, 0, 0, 0]
        var key = cursor
        var value = cursor
        var count: UInt32 = 1
        guard bpf_map_lookup_batch(map.descriptor.number, nil, &cursor, &key, &value, &count, nil) != 0 else {
            return true
        }
        switch errno {
        case ENOENT: return true
        case EINVAL, kernelNotSupported: return false
        default: throw KernelError(operation: "read", object: "an empty map", errno: errno)
        }
    }

    private static func load(_ instructions: [bpf_insn]) throws(KernelError) -> BPFProgram {
        let type = bpf_prog_type(ProgramType.schedulerClassifier.rawValue)
        let number = bpf_prog_load(type, "hover_probe", "GPL", instructions, instructions.count, nil)
        return BPFProgram(descriptor: BPFDescriptor(adopting: try check(number, "load program", "hover_probe")))
    }

    private static func move(register: UInt8, _ number: Int32) -> bpf_insn {
        var instruction = bpf_insn()
        instruction.code = UInt8(BPF_ALU64 | BPF_MOV | BPF_K)
        instruction.dst_reg = register
        instruction.imm = number
        return instruction
    }

    private static var exit: bpf_insn {
        var instruction = bpf_insn()
        instruction.code = UInt8(BPF_JMP | BPF_EXIT)
        return instruction
    }
}
