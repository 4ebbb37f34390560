// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc

/// An eBPF ELF object that libbpf has opened, and perhaps loaded.
///
/// Not Sendable: used inside one function on one thread. Its loaded programs and maps are handed out as objects of
/// their own, which outlive it.
public final class BPFObject {
    /// The name for errors and, shortened, for the kernel's names of `.rodata` and the like.
    public let name: String
    /// The ELF file. libbpf reads from it as long as the object is open.
    let bytes: UnsafeMutableRawBufferPointer
    let pointer: OpaquePointer
    /// The object's types; nil when it has none (compiled without `-g`). Numbers as in `BPFObjectMap.btfKeyTypeID`.
    /// Read when they are first asked for, as libbpf has completed them: the compiler leaves the places of variables
    /// open.
    /// - Throws: `.object` when they are malformed.
    public var types: BTF? {
        get throws(BPFError) {
            if let knownTypes { return knownTypes }
            knownTypes = try readTypes()
            return knownTypes
        }
    }
    private var knownTypes: BTF?
    private var isLoaded = false

    /// Opens an ELF object. Nothing reaches the kernel before `load()`.
    /// - Throws: `.object` when it is not a well-formed eBPF object.
    /// - Parameter isChecked: the same bytes were opened before, or were built with Hover: they are not checked again.
    public init(bytes: [UInt8], name: String, isChecked: Bool = false) throws(BPFError) {
        if !isChecked {
            try BPFObject.check(bytes, name: name)
        }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        copy.copyBytes(from: bytes)
        let (opened, messages) = LibBPFMessages.capture { () -> (OpaquePointer?, Int32) in
            name.withCString { name in
                var options = bpf_object_open_opts()
                options.sz = hover_object_open_size
                options.object_name = name
                return (bpf_object__open_mem(copy.baseAddress, bytes.count, &options), errno)
            }
        }
        guard let pointer = opened.0 else {
            copy.deallocate()
            throw .object(ObjectError(object: name, reason: errorWords(opened.1), messages: messages))
        }
        self.name = name
        self.bytes = copy
        self.pointer = pointer
    }

    deinit {
        bpf_object__close(pointer)
        bytes.deallocate()
    }

    /// The programs with a section of their own. Subprograms, which the linker keeps in `.text`, are not among them.
    public var programs: [BPFObjectProgram] {
        var programs: [BPFObjectProgram] = []
        var next = bpf_object__next_program(pointer, nil)
        while let program = next {
            programs.append(BPFObjectProgram(object: self, pointer: program))
            next = bpf_object__next_program(pointer, program)
        }
        return programs
    }

    /// The maps, those for global variables (`.rodata`, `.bss`, …) included.
    public var maps: [BPFObjectMap] {
        var maps: [BPFObjectMap] = []
        var next = bpf_object__next_map(pointer, nil)
        while let map = next {
            maps.append(BPFObjectMap(object: self, pointer: map))
            next = bpf_object__next_map(pointer, map)
        }
        return maps
    }

    /// Creates the maps, but those that are reused, and loads the programs that are to be loaded. After an error the
    /// object is of no more use.
    /// - Throws: `.verifier` when the verifier refused a program, with its log; `.object` when the object asks for
    ///   something that the kernel does not have or that libbpf cannot do; `.kernel` for lack of permission or memory.
    public func load() throws(BPFError) {
        guard !isLoaded else { throw .object(error("it is loaded already")) }
        let logSize = VerifierLog.bufferSize
        // Pages that nothing is written to cost nothing. calloc() would clear all of it, 1 ms, as soon as it has memory
        // to use again.
        guard
            let pages = mmap(nil, logSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            pages != MAP_FAILED
        else { throw .kernel(KernelError(operation: "load", object: name, errno: errno)) }
        defer { munmap(pages, logSize) }
        let log = pages.assumingMemoryBound(to: CChar.self)
        // One buffer serves all programs: libbpf loads without a log first and asks for one only when a load failed,
        // which is also where it stops.
        for program in programs {
            bpf_program__set_log_buf(program.pointer, log, logSize)
        }
        let (result, messages) = LibBPFMessages.capture { bpf_object__load(pointer) }
        for program in programs {
            bpf_program__set_log_buf(program.pointer, nil, 0)
        }
        guard result == 0 else {
            throw failure(errno: -result, log: VerifierLog.text(log), messages: messages)
        }
        isLoaded = true
    }

    private func failure(errno number: Int32, log: String, messages: [String]) -> BPFError {
        let refused = programs.first { program in
            messages.contains { $0.hasPrefix("prog '\(program.name)': BPF program load failed") }
        }
        if let refused, !log.isEmpty {
            return .verifier(verifierError(program: refused, log: log))
        }
        if [EPERM, ENOMEM, EMFILE, ENFILE, EINTR, EAGAIN].contains(number) {
            return .kernel(
                KernelError(operation: "load", object: refused?.name ?? name, errno: number, reason: messages.first))
        }
        return .object(error(errorWords(number), messages: messages))
    }

    func error(_ reason: String, messages: [String] = []) -> ObjectError {
        ObjectError(object: name, reason: reason, messages: messages)
    }

    /// Throws when a libbpf call that changes the object returned an error.
    func check(_ call: (result: Int32, messages: [String]), _ action: String) throws(BPFError) {
        guard call.result < 0 else { return }
        throw .object(error("cannot \(action): \(errorWords(call.result))", messages: call.messages))
    }
}
