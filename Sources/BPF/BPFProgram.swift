// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc

/// What the kernel knows of a program.
public struct ProgramInformation: Sendable, Hashable {
    /// The number by which any process can find the program while it exists.
    public let id: UInt32
    /// The name, of which the kernel keeps 15 characters; from BTF the full one is known only to the object.
    public let name: String
    /// The kind of program.
    public let type: ProgramType
    /// The kernel's digest of the instructions, 16 hexadecimal digits.
    public let tag: String
    /// The maps that it uses.
    public let mapIDs: [UInt32]
    /// The BTF object with its functions and types; 0 when there is none.
    public let btfID: UInt32
    /// Nanoseconds that it ran while BPF statistics were on.
    public let runTime: UInt64
    /// How often it ran while BPF statistics were on.
    public let runCount: UInt64
}

/// A loaded program, held by a descriptor.
public final class BPFProgram: Sendable {
    /// The descriptor that holds it.
    public let descriptor: BPFDescriptor

    /// Opens a pinned program.
    public init(pinned path: String) throws(KernelError) {
        descriptor = try openPin(path)
    }

    /// Opens the program with a number.
    public init(id: UInt32) throws(KernelError) {
        descriptor = BPFDescriptor(adopting: try check(bpf_prog_get_fd_by_id(id), "open program", "id \(id)"))
    }

    init(descriptor: BPFDescriptor) {
        self.descriptor = descriptor
    }

    /// Pins the program: it then lives until the pin, and every other reference, is gone.
    public func pin(at path: String) throws(KernelError) {
        try BPF.pin(descriptor, at: path)
    }

    /// The number by which any process can find the program while it exists.
    public var id: UInt32 {
        get throws(KernelError) {
            var raw = bpf_prog_info()
            try readInformation(of: descriptor, into: &raw, object: "descriptor \(descriptor.number)")
            return raw.id
        }
    }

    /// What the kernel knows of it now.
    public var information: ProgramInformation {
        get throws(KernelError) {
            let object = "descriptor \(descriptor.number)"
            var raw = bpf_prog_info()
            try readInformation(of: descriptor, into: &raw, object: object)
            return ProgramInformation(
                id: raw.id, name: text(of: raw.name), type: ProgramType(rawValue: raw.type),
                tag: withUnsafeBytes(of: raw.tag) { $0.map(hexadecimal).joined() },
                mapIDs: try mapIDs(count: raw.nr_map_ids, object: object), btfID: raw.btf_id,
                runTime: raw.run_time_ns, runCount: raw.run_cnt)
        }
    }

    private func mapIDs(count: UInt32, object: String) throws(KernelError) -> [UInt32] {
        guard count > 0 else { return [] }
        let buffer = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: Int(count))
        defer { buffer.deallocate() }
        buffer.initialize(repeating: 0)
        var raw = bpf_prog_info()
        raw.nr_map_ids = count
        raw.map_ids = UInt64(UInt(bitPattern: buffer.baseAddress))
        try readInformation(of: descriptor, into: &raw, object: object)
        return Array(buffer.prefix(Int(raw.nr_map_ids)))
    }
}

private func hexadecimal(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
}

/// What BPF_PROG_TEST_RUN gave back.
public struct TestRun: Sendable, Hashable {
    /// The program's verdict.
    public let returnValue: UInt32
    /// The packet as the program left it.
    public let data: [UInt8]
    /// The context (`struct __sk_buff`, `struct xdp_md`) as the program left it; empty when none was given.
    public let context: [UInt8]
    /// Nanoseconds per run, the mean of all.
    public let duration: UInt32
}

extension BPFProgram {
    /// BPF_F_TEST_XDP_LIVE_FRAMES: the packets really go where the XDP program sends them (Linux 5.18).
    public static let liveFrames: UInt32 = 2

    /// Runs the program on a packet, without a device.
    /// - Parameters:
    ///   - data: the packet, from its Ethernet header.
    ///   - repeat: how often; the program sees the packet as its previous run left it.
    ///   - context: a `struct __sk_buff` or `struct xdp_md`, for fields that the kernel allows to be set.
    ///   - flags: 0, or `liveFrames`, which gives back neither packet nor context.
    ///   - batchSize: with `liveFrames`, packets in a batch; 0: the kernel's choice.
    public func testRun(
        data: [UInt8], repeat count: Int = 1, context: [UInt8]? = nil, flags: UInt32 = 0, batchSize: UInt32 = 0
    ) throws(KernelError) -> TestRun {
        var options = bpf_test_run_opts()
        options.sz = hover_test_run_size
        options.repeat = Int32(clamping: count)
        options.flags = flags
        options.batch_size = batchSize
        // Room for what the program adds in front of and behind the packet, up to the largest packet there is.
        let roomForGrowth = flags & BPFProgram.liveFrames == 0 ? 65_536 : -data.count
        var dataOut = [UInt8](repeating: 0, count: data.count + roomForGrowth)
        let contextOutSize = flags & BPFProgram.liveFrames == 0 ? context?.count ?? 0 : 0
        var contextOut = [UInt8](repeating: 0, count: contextOutSize)
        let result = data.withUnsafeBytes { dataIn in
            dataOut.withUnsafeMutableBytes { dataOut in
                (context ?? []).withUnsafeBytes { contextIn in
                    contextOut.withUnsafeMutableBytes { contextOut in
                        options.setPacket(dataIn, out: dataOut)
                        options.setContext(contextIn, out: contextOut)
                        return bpf_prog_test_run_opts(descriptor.number, &options)
                    }
                }
            }
        }
        try check(result, "test-run program", "descriptor \(descriptor.number)")
        return TestRun(
            returnValue: options.retval, data: Array(dataOut.prefix(Int(options.data_size_out))),
            context: Array(contextOut.prefix(Int(options.ctx_size_out))), duration: options.duration)
    }
}

extension bpf_test_run_opts {
    fileprivate mutating func setPacket(_ data: UnsafeRawBufferPointer, out: UnsafeMutableRawBufferPointer) {
        data_in = data.baseAddress
        data_size_in = UInt32(clamping: data.count)
        data_out = out.isEmpty ? nil : out.baseAddress
        data_size_out = UInt32(clamping: out.count)
    }

    fileprivate mutating func setContext(_ context: UnsafeRawBufferPointer, out: UnsafeMutableRawBufferPointer) {
        guard !context.isEmpty else { return }
        ctx_in = context.baseAddress
        ctx_size_in = UInt32(clamping: context.count)
        ctx_out = out.isEmpty ? nil : out.baseAddress
        ctx_size_out = UInt32(clamping: out.count)
    }
}
