// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc

/// Why bytes are no BTF.
public struct BTFError: Error, CustomStringConvertible, Sendable, Hashable {
    public let description: String
}

/// The types of an object or of a program in the kernel (BPF Type Format, Documentation/bpf/btf.rst).
///
/// Its bytes may come from anybody. What `init(bytes:)` accepts refers to nothing that is not there, and no type
/// contains itself.
public struct BTF: Sendable {
    private let bytes: [UInt8]
    /// Where type 1, 2, … begin.
    private let offsets: [Int]
    private let strings: Range<Int>
    private var tags: [Tagged: [String]] = [:]
    private var variablesByName: [String: BTFVariable] = [:]

    private struct Tagged: Hashable {
        let type: UInt32
        let member: Int?
    }

    /// Reads BTF as it is in an ELF section `.BTF` or in `/sys/kernel/btf/vmlinux`: of a little-endian machine, not
    /// split.
    public init(bytes: [UInt8]) throws(BTFError) {
        guard let magic: UInt16 = bytes.number(at: 0), let version: UInt8 = bytes.number(at: 2),
            let header: UInt32 = bytes.number(at: 4), let typeOffset: UInt32 = bytes.number(at: 8),
            let typeSize: UInt32 = bytes.number(at: 12), let stringOffset: UInt32 = bytes.number(at: 16),
            let stringSize: UInt32 = bytes.number(at: 20)
        else { throw BTFError(description: "it ends in its header") }
        guard magic == 0xeb9f else { throw BTFError(description: "it is not BTF of a little-endian machine") }
        guard version == 1, header >= 24 else { throw BTFError(description: "it is BTF of an unknown version") }
        let types = Int(header) + Int(typeOffset)
        let strings = Int(header) + Int(stringOffset)
        guard types + Int(typeSize) <= bytes.count, strings + Int(stringSize) <= bytes.count else {
            throw BTFError(description: "its header points behind its end")
        }
        self.bytes = bytes
        self.strings = strings..<strings + Int(stringSize)
        var offsets: [Int] = []
        var offset = types
        while offset < types + Int(typeSize) {
            guard let record = BTFRecord(bytes, at: offset), record.data + record.dataSize <= types + Int(typeSize)
            else { throw BTFError(description: "type \(offsets.count + 1) is cut off or of an unknown kind") }
            offsets.append(offset)
            offset = record.data + record.dataSize
        }
        self.offsets = offsets
        // So every offset into the strings is one of a string that ends.
        guard bytes[self.strings].first == 0, bytes[self.strings].last == 0 else {
            throw BTFError(description: "its strings do not begin and end with a zero")
        }
        try checkReferences()
        try checkContainment()
        readTagsAndVariables()
    }

    /// Reads BTF that the kernel has (`MapInformation.btfID`, `ProgramInformation.btfID`). A kernel module's is split
    /// and cannot be read.
    public init(id: UInt32) throws(KernelError) {
        let object = "BTF id \(id)"
        let descriptor = BPFDescriptor(adopting: try check(bpf_btf_get_fd_by_id(id), "open", object))
        var information = bpf_btf_info()
        try readInformation(of: descriptor, into: &information, object: object)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(information.btf_size), alignment: 8)
        defer { buffer.deallocate() }
        information = bpf_btf_info()
        information.btf = UInt64(UInt(bitPattern: buffer.baseAddress))
        information.btf_size = UInt32(buffer.count)
        try readInformation(of: descriptor, into: &information, object: object)
        do {
            try self.init(bytes: Array(buffer.prefix(Int(information.btf_size))))
        } catch {
            throw KernelError(operation: "read", object: object, errno: EINVAL, reason: error.description)
        }
    }

    /// The numbers of all types: from 1.
    public var ids: Range<UInt32> { 1..<UInt32(offsets.count + 1) }

    /// A global variable; nil when there is none of that name in a section.
    public func variable(named name: String) -> BTFVariable? {
        variablesByName[name]
    }

    /// All global variables, with their names, in no order.
    public var variables: [(name: String, variable: BTFVariable)] { variablesByName.map { ($0.key, $0.value) } }

    /// The texts of `__attribute__((btf_decl_tag("…")))` on a type, variable or function, or on one of its members or
    /// parameters, counted from 0.
    public func declTags(of typeID: UInt32, member: Int? = nil) -> [String] {
        tags[Tagged(type: typeID, member: member)] ?? []
    }

    func record(_ id: UInt32) -> BTFRecord? {
        guard id > 0, id <= offsets.count else { return nil }
        return BTFRecord(bytes, at: offsets[Int(id) - 1])
    }

    func word(_ offset: Int) -> UInt32 { bytes.number(at: offset) ?? 0 }

    /// The kernel takes names of up to 511 bytes.
    func name(at offset: Int) -> String {
        string(at: offset, limit: 512) ?? ""
    }

    func hasString(at offset: Int) -> Bool { offset < strings.count }

    /// A string of the string table, to which `.BTF.ext` refers too.
    func string(at offset: Int, limit: Int) -> String? {
        guard offset >= 0, offset < strings.count else { return nil }
        return bytes.string(at: strings.lowerBound + offset, before: strings.upperBound, limit: limit)
    }

    private mutating func readTagsAndVariables() {
        for id in ids {
            guard let record = record(id), record.kind == .declTag || record.kind == .section, let type = type(id)
            else { continue }
            switch type.kind {
            case .declTag(let on, let member): tags[Tagged(type: on, member: member), default: []].append(type.name)
            case .section(_, let places):
                for place in places {
                    guard let variable = self.record(place.id), variable.kind == .variable else { continue }
                    variablesByName[name(at: variable.nameOffset)] = BTFVariable(
                        id: place.id, typeID: variable.sizeOrType, section: type.name, offset: place.offset,
                        size: place.size)
                }
            default: break
            }
        }
    }
}

/// A global variable of an object.
public struct BTFVariable: Sendable, Hashable {
    /// The variable's own number, on which its tags are.
    public let id: UInt32
    /// The number of its type.
    public let typeID: UInt32
    /// The ELF section: `.rodata`, `.bss`, `.maps`.
    public let section: String
    /// Where in the section, in bytes.
    public let offset: Int
    /// In bytes.
    public let size: Int
}
