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
    /// A verifier's log that does not fit keeps its end, where the reason is, and not its beginning.
    case verifierLogEnd
    /// The helper `bpf_ktime_get_tai_ns`, the newest that Hover's own helpers call.
    case taiClock
    /// Metadata of an xdp program's frame that are longer than 32 bytes.
    case longMetadata

    /// The first version of Linux that has it.
    public var since: String {
        switch self {
        case .tcx: "6.6"
        case .redirectPeer: "5.10"
        case .batchedLookup: "5.6"
        case .verifierLogEnd: "6.4"
        case .taiClock: "6.1"
        case .longMetadata: "6.8"
        }
    }

    /// Asks the running kernel. Costs a few system calls each time.
    public func probe() -> FeatureSupport {
        do throws(KernelError) {
            let isSupported =
                switch self {
                case .tcx: try Feature.hasTcx()
                case .redirectPeer: try Feature.knows(BPF_FUNC_redirect_peer)
                case .batchedLookup: try Feature.hasBatchedLookup()
                case .verifierLogEnd: try Feature.hasVerifierLogEnd()
                case .taiClock: try Feature.knows(BPF_FUNC_ktime_get_tai_ns)
                case .longMetadata: try Feature.hasLongMetadata()
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
    private static func knows(_ helper: bpf_func_id) throws(KernelError) -> Bool {
        var call = bpf_insn()
        call.code = UInt8(BPF_JMP | BPF_CALL)
        call.imm = Int32(helper.rawValue)
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

    /// Has a program of many instructions logged into a small buffer: what is counted in the end is there, or not.
    private static func hasVerifierLogEnd() throws(KernelError) -> Bool {
        // The smallest that kernels before 6.4 take.
        var log = [CChar](repeating: 0, count: 128)
        let instructions = [bpf_insn](repeating: move(register: 0, 0), count: 32) + [exit]
        let number = log.withUnsafeMutableBufferPointer { log in
            var options = bpf_prog_load_opts()
            options.sz = MemoryLayout<bpf_prog_load_opts>.size
            options.log_level = 1
            options.log_buf = log.baseAddress
            options.log_size = UInt32(log.count)
            let type = bpf_prog_type(ProgramType.schedulerClassifier.rawValue)
            return bpf_prog_load(type, "hover_probe", "GPL", instructions, instructions.count, &options)
        }
        if number >= 0 { close(number) }
        guard number >= 0 || errno == ENOSPC else {
            throw KernelError(operation: "load program", object: "hover_probe", errno: errno)
        }
        return String(decoding: log.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).contains(
            "processed ")
    }

    /// Runs a program that asks for metadata of 64 bytes. What the helper answers is the verdict: 0, or an error where
    /// they are too long (xdp_metalen_invalid, include/net/xdp.h).
    private static func hasLongMetadata() throws(KernelError) -> Bool {
        var call = bpf_insn()
        call.code = UInt8(BPF_JMP | BPF_CALL)
        call.imm = Int32(BPF_FUNC_xdp_adjust_meta.rawValue)
        // The first register has the frame already.
        let program = try load([move(register: 2, -64), call, exit], as: .xdp)
        return try program.testRun(data: [UInt8](repeating: 0, count: 64)).returnValue == 0
    }

    private static func load(
        _ instructions: [bpf_insn], as type: ProgramType = .schedulerClassifier
    ) throws(KernelError) -> BPFProgram {
        let type = bpf_prog_type(type.rawValue)
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
