// SPDX-License-Identifier: Apache-2.0
import CLibBPF

/// A map of an object.
public struct BPFObjectMap {
    let object: BPFObject
    let pointer: OpaquePointer

    /// The C variable's name; for global variables the section's: `.rodata`, `.rodata.x`, `.bss`, `.data`, `.kconfig`.
    public var name: String { String(cString: bpf_map__name(pointer)) }

    /// Whether it holds global variables instead of being declared in `SEC(".maps")`.
    public var isInternal: Bool { bpf_map__is_internal(pointer) }

    /// The kind of map.
    public var type: MapType { MapType(rawValue: bpf_map__type(pointer).rawValue) }

    /// Bytes in a key.
    public var keySize: Int { Int(bpf_map__key_size(pointer)) }

    /// Bytes in a value.
    public var valueSize: Int { Int(bpf_map__value_size(pointer)) }

    /// `BPF_F_…` flags of the map's creation.
    public var flags: UInt32 { bpf_map__map_flags(pointer) }

    /// The BTF type of the keys in the object's `types`; 0 when there is none.
    public var btfKeyTypeID: UInt32 { bpf_map__btf_key_type_id(pointer) }

    /// The BTF type of the values in the object's `types`; 0 when there is none. For global variables their section.
    public var btfValueTypeID: UInt32 { bpf_map__btf_value_type_id(pointer) }

    /// The greatest number of entries.
    public var maxEntries: Int { Int(bpf_map__max_entries(pointer)) }

    /// Sets the greatest number of entries, before `load()`.
    public func setMaxEntries(_ count: Int) throws(BPFError) {
        guard let count = UInt32(exactly: count) else {
            throw .object(object.error("map '\(name)' cannot have \(count) entries"))
        }
        try change("set the size of map '\(name)'") { bpf_map__set_max_entries(pointer, count) }
    }

    /// Where `load()` would pin it, or would take an existing map from: set by an object that declares its map with
    /// `__uint(pinning, LIBBPF_PIN_BY_NAME)`. An object of unknown origin can so reach any pin in `/sys/fs/bpf`.
    public var pinPath: String? { bpf_map__pin_path(pointer).map { String(cString: $0) } }

    /// Sets where `load()` pins it; nil: nowhere.
    public func setPinPath(_ path: String?) throws(BPFError) {
        try change("set the pin path of map '\(name)'") { bpf_map__set_pin_path(pointer, path) }
    }

    /// For global variables: their bytes before the program runs, as the compiler or `setInitialValue` left them.
    public var initialValue: [UInt8]? {
        var size = 0
        guard let bytes = bpf_map__initial_value(pointer, &size) else { return nil }
        return Array(UnsafeRawBufferPointer(start: bytes, count: size))
    }

    /// Sets the bytes of global variables before `load()`, all of them: `valueSize` bytes.
    public func setInitialValue(_ value: [UInt8]) throws(BPFError) {
        guard value.count == valueSize else {
            throw .object(object.error("the variables in '\(name)' have \(valueSize) bytes, not \(value.count)"))
        }
        try change("set the variables in '\(name)'") {
            bpf_map__set_initial_value(pointer, value, value.count)
        }
    }

    /// Makes `load()` use an existing map instead of creating one. Its kind and the sizes of its keys and values must
    /// be the same; its number of entries may differ.
    public func reuse(_ map: BPFMap) throws(BPFError) {
        let existing = map.information
        let differences = [
            existing.type == type ? nil : "its type is \(existing.type), not \(type)",
            existing.keySize == keySize ? nil : "its keys have \(existing.keySize) bytes, not \(keySize)",
            existing.valueSize == valueSize ? nil : "its values have \(existing.valueSize) bytes, not \(valueSize)",
        ].compactMap(\.self)
        guard differences.isEmpty else {
            let reason = differences.joined(separator: ", ")
            throw .object(object.error("map '\(name)' cannot be the existing map '\(existing.name)': \(reason)"))
        }
        try change("use an existing map as '\(name)'") { bpf_map__reuse_fd(pointer, map.descriptor.number) }
    }

    /// The map in the kernel after `load()`, on a descriptor of its own, which outlives the object.
    public var map: BPFMap {
        get throws(BPFError) {
            let number = bpf_map__fd(pointer)
            guard number >= 0 else { throw .object(object.error("map '\(name)' is not loaded")) }
            do {
                return try BPFMap(descriptor: BPFDescriptor(duplicating: number, of: name))
            } catch {
                throw .kernel(error)
            }
        }
    }

    private func change(_ action: String, _ body: () -> Int32) throws(BPFError) {
        try object.check(LibBPFMessages.capture(body), action)
    }
}
