// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc

/// What the kernel knows of a map.
public struct MapInformation: Sendable, Hashable {
    /// The number by which any process can find the map while it exists.
    public let id: UInt32
    /// The kind of map.
    public let type: MapType
    /// Bytes in a key.
    public let keySize: Int
    /// Bytes in a value; in a per-CPU map, in the value of one CPU.
    public let valueSize: Int
    /// The greatest number of entries.
    public let maxEntries: Int
    /// `BPF_F_…` flags of the map's creation.
    public let flags: UInt32
    /// The name, of which the kernel keeps 15 characters.
    public let name: String
    /// The BTF object with the types of keys and values (`BTF.init(id:)`); 0 when there is none.
    public let btfID: UInt32
    /// The keys' type in that BTF; 0 when there is none.
    public let btfKeyTypeID: UInt32
    /// The values' type in that BTF; 0 when there is none.
    public let btfValueTypeID: UInt32
}

/// A map in the kernel, held by a descriptor.
public final class BPFMap: Sendable {
    /// The descriptor that holds it.
    public let descriptor: BPFDescriptor
    /// What the kernel knows of it, as it was when this object was made.
    public let information: MapInformation

    /// Creates a map.
    /// - Parameters:
    ///   - name: letters, digits, `_` and `.`; the kernel keeps 15 characters.
    ///   - keySize: in bytes.
    ///   - valueSize: in bytes.
    ///   - flags: `BPF_F_…`
    public init(
        create type: MapType, name: String, keySize: Int, valueSize: Int, maxEntries: Int, flags: UInt32 = 0
    ) throws(KernelError) {
        guard let key = UInt32(exactly: keySize), let value = UInt32(exactly: valueSize),
            let entries = UInt32(exactly: maxEntries)
        else { throw KernelError(operation: "create map", object: name, errno: EINVAL) }
        var options = bpf_map_create_opts()
        options.sz = hover_map_create_size
        options.map_flags = flags
        let number = bpf_map_create(bpf_map_type(rawValue: type.rawValue), name, key, value, entries, &options)
        descriptor = BPFDescriptor(adopting: try check(number, "create map", name))
        information = try BPFMap.information(of: descriptor, object: name)
    }

    /// Opens a pinned map.
    public init(pinned path: String) throws(KernelError) {
        descriptor = try openPin(path)
        information = try BPFMap.information(of: descriptor, object: path)
    }

    /// Opens the map with a number, which `MapInformation.id` and `ProgramInformation.mapIDs` give.
    public init(id: UInt32) throws(KernelError) {
        descriptor = BPFDescriptor(adopting: try check(bpf_map_get_fd_by_id(id), "open map", "id \(id)"))
        information = try BPFMap.information(of: descriptor, object: "id \(id)")
    }

    init(descriptor: BPFDescriptor) throws(KernelError) {
        self.descriptor = descriptor
        information = try BPFMap.information(of: descriptor, object: "descriptor \(descriptor.number)")
    }

    /// The value of an entry; nil when there is none. In a prog array the number of the program.
    public func value(for key: [UInt8]) throws(KernelError) -> [UInt8]? {
        guard !information.type.isPerCPU else {
            throw refusal("look up an entry", "a per-CPU map has a value for each CPU")
        }
        return try lookUp(key, size: information.valueSize)
    }

    /// The values of an entry of a per-CPU map, one per possible CPU; nil when there is none.
    public func perCPUValues(for key: [UInt8]) throws(KernelError) -> [[UInt8]]? {
        guard information.type.isPerCPU else {
            throw refusal("look up an entry", "it is not a per-CPU map")
        }
        return try lookUp(key, size: entryValueSize).map { splitPerCPU($0[...]) }
    }

    private func lookUp(_ key: [UInt8], size: Int) throws(KernelError) -> [UInt8]? {
        try checkKey(key, "look up an entry")
        var number: Int32 = 0
        let value = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let failed = bpf_map_lookup_elem(descriptor.number, key, buffer.baseAddress) != 0
            number = failed ? errno : 0
            count = failed ? 0 : size
        }
        switch number {
        case 0: return value
        case ENOENT: return nil
        default: throw failure("look up an entry", number)
        }
    }

    /// Sets the value of an entry.
    /// - Throws: EEXIST or ENOENT as `mode` says; E2BIG when a hash is full, or an array has no such index.
    public func set(_ value: [UInt8], for key: [UInt8], mode: UpdateMode = .any) throws(KernelError) {
        guard !information.type.isPerCPU else {
            throw refusal("set an entry", "a per-CPU map has a value for each CPU")
        }
        try update(value, size: information.valueSize, for: key, mode: mode)
    }

    /// Sets the values of an entry of a per-CPU map: one per possible CPU, `valueSize` bytes each.
    public func setPerCPU(
        _ values: [[UInt8]], for key: [UInt8], mode: UpdateMode = .any
    ) throws(KernelError) {
        guard information.type.isPerCPU else { throw refusal("set an entry", "it is not a per-CPU map") }
        try update(joinPerCPU(values), size: entryValueSize, for: key, mode: mode)
    }

    private func update(
        _ value: [UInt8], size: Int, for key: [UInt8], mode: UpdateMode
    ) throws(KernelError) {
        try checkKey(key, "set an entry")
        guard value.count == size else {
            throw refusal("set an entry", "the value has \(value.count) bytes, the map's values have \(size)")
        }
        FaultPoint.pass()
        guard bpf_map_update_elem(descriptor.number, key, value, mode.rawValue) == 0 else {
            throw failure("set an entry", errno)
        }
    }

    /// Removes an entry; false when it was not there.
    @discardableResult
    public func remove(_ key: [UInt8]) throws(KernelError) -> Bool {
        try checkKey(key, "remove an entry")
        FaultPoint.pass()
        guard bpf_map_delete_elem(descriptor.number, key) != 0 else { return true }
        guard errno == ENOENT else { throw failure("remove an entry", errno) }
        return false
    }

    /// Puts a program into a slot of a prog array; a program that is there is replaced in one step.
    public func set(program: BPFProgram, at index: UInt32) throws(KernelError) {
        try set(Array(littleEndian: UInt32(bitPattern: program.descriptor.number)), for: Array(littleEndian: index))
    }

    /// Puts a map into an entry of a map of maps. What programs that run at this moment see is settled when this returns:
    /// the kernel waits for a grace period.
    public func set(map: BPFMap, for key: [UInt8]) throws(KernelError) {
        try set(Array(littleEndian: UInt32(bitPattern: map.descriptor.number)), for: key)
    }

    /// The number of the program in a slot of a prog array; nil when it is empty.
    public func program(at index: UInt32) throws(KernelError) -> UInt32? {
        var id: UInt32 = 0
        var key = index
        guard bpf_map_lookup_elem(descriptor.number, &key, &id) != 0 else { return id }
        guard errno == ENOENT else { throw failure("look up a slot", errno) }
        return nil
    }

    /// The slots of a prog array that hold a program, ascending.
    public func occupiedSlots(_ slots: ClosedRange<UInt32>) throws(KernelError) -> [Int] {
        var occupied: [Int] = []
        for slot in slots where try program(at: slot) != nil {
            occupied.append(Int(slot))
        }
        return occupied
    }

    /// Empties a slot of a prog array; false when it was empty.
    @discardableResult
    public func remove(index: UInt32) throws(KernelError) -> Bool {
        try remove(Array(littleEndian: index))
    }

    /// Takes the right to write away from user space, for ever. Programs keep it. The verifier then takes the values of
    /// a map that programs only read for constants.
    public func freeze() throws(KernelError) {
        guard bpf_map_freeze(descriptor.number) == 0 else { throw failure("freeze", errno) }
    }

    /// Pins the map: it then lives until the pin, and every other reference, is gone.
    public func pin(at path: String) throws(KernelError) {
        try BPF.pin(descriptor, at: path)
    }
}

extension BPFMap {
    private static func information(
        of descriptor: BPFDescriptor, object: String
    ) throws(KernelError) -> MapInformation {
        var raw = bpf_map_info()
        try readInformation(of: descriptor, into: &raw, object: object)
        return MapInformation(
            id: raw.id, type: MapType(rawValue: raw.type), keySize: Int(raw.key_size), valueSize: Int(raw.value_size),
            maxEntries: Int(raw.max_entries), flags: raw.map_flags, name: text(of: raw.name), btfID: raw.btf_id,
            btfKeyTypeID: raw.btf_key_type_id, btfValueTypeID: raw.btf_value_type_id)
    }

    /// Whether user space can no longer write to it. Only /proc tells it (kernel/bpf/syscall.c, bpf_map_show_fdinfo).
    public func isFrozen() throws(KernelError) -> Bool {
        let path = "/proc/self/fdinfo/\(descriptor.number)"
        let file = try check(open(path, O_RDONLY | O_CLOEXEC), "read information of", information.name)
        defer { close(file) }
        var size = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            size = read(file, buffer.baseAddress, buffer.count)
            count = max(size, 0)
        }
        guard size >= 0 else { throw KernelError(operation: "read", object: path, errno: errno) }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").contains("frozen:\t1")
    }

    func checkKey(_ key: [UInt8], _ operation: String) throws(KernelError) {
        guard key.count == information.keySize else {
            throw refusal(
                operation, "the key has \(key.count) bytes, the map's keys have \(information.keySize)")
        }
    }

    /// An error that this code found before the kernel could.
    func refusal(_ operation: String, _ reason: String) -> KernelError {
        KernelError(operation: operation + " of map", object: information.name, errno: EINVAL, reason: reason)
    }

    func failure(_ operation: String, _ number: Int32) -> KernelError {
        KernelError(operation: operation + " of map", object: information.name, errno: number)
    }
}
