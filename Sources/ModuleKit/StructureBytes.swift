// SPDX-License-Identifier: Apache-2.0

/// The bytes of a C structure, member by member, as keys and values of tables have them: numbers in the machine's order,
/// which is little-endian on the machines that Hover runs on, and addresses in the network's.
///
///     // struct route { __u32 port; __u8 gateway[16]; __u8 kind; };
///     StructureBytes().u32(port).bytes(gateway).u8(kind).padded(to: 4).bytes
///
/// Padding is written out: what C leaves open is zero.
public struct StructureBytes: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public func u8(_ value: some BinaryInteger) -> StructureBytes { appending(UInt8(truncatingIfNeeded: value)) }
    public func u16(_ value: some BinaryInteger) -> StructureBytes { appending(UInt16(truncatingIfNeeded: value)) }
    public func u32(_ value: some BinaryInteger) -> StructureBytes { appending(UInt32(truncatingIfNeeded: value)) }
    public func u64(_ value: some BinaryInteger) -> StructureBytes { appending(UInt64(truncatingIfNeeded: value)) }

    /// A number in network order.
    public func be16(_ value: some BinaryInteger) -> StructureBytes {
        appending(UInt16(truncatingIfNeeded: value).byteSwapped)
    }

    /// A number in network order.
    public func be32(_ value: some BinaryInteger) -> StructureBytes {
        appending(UInt32(truncatingIfNeeded: value).byteSwapped)
    }

    public func bytes(_ more: some Sequence<UInt8>) -> StructureBytes {
        var result = self
        result.bytes.append(contentsOf: more)
        return result
    }

    public func zeros(_ count: Int) -> StructureBytes { bytes(repeatElement(0, count: count)) }

    /// Zeros up to a multiple of an alignment.
    public func padded(to alignment: Int) -> StructureBytes {
        zeros((alignment - bytes.count % alignment) % alignment)
    }

    private func appending(_ value: some FixedWidthInteger) -> StructureBytes {
        bytes(withUnsafeBytes(of: value.littleEndian, Array.init))
    }
}

/// Takes the members of a C structure out of its bytes, in their order. What is not there reads as zero.
public struct StructureReader: Sendable {
    private var rest: ArraySlice<UInt8>

    public init(_ bytes: some Collection<UInt8>) {
        rest = ArraySlice(bytes)
    }

    public mutating func u8() -> UInt8 { number() }
    public mutating func u16() -> UInt16 { number() }
    public mutating func u32() -> UInt32 { number() }
    public mutating func u64() -> UInt64 { number() }
    /// A number in network order.
    public mutating func be16() -> UInt16 { (number() as UInt16).byteSwapped }
    /// A number in network order.
    public mutating func be32() -> UInt32 { (number() as UInt32).byteSwapped }

    public mutating func bytes(_ count: Int) -> [UInt8] {
        let taken = Array(rest.prefix(count))
        rest = rest.dropFirst(count)
        return taken + repeatElement(0, count: count - taken.count)
    }

    public mutating func skip(_ count: Int) {
        rest = rest.dropFirst(count)
    }

    private mutating func number<Number: FixedWidthInteger>() -> Number {
        bytes(Number.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Number($1) }
    }
}
