// SPDX-License-Identifier: Apache-2.0

extension [UInt8] {
    init(littleEndian number: UInt32) {
        self = Swift.withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    /// A little-endian number in bytes of unknown origin; nil where they end before it does.
    func number<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type = Number.self) -> Number? {
        let size = Number.bitWidth / 8
        guard offset >= 0, offset <= count - size else { return nil }
        return withUnsafeBytes { Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self)) }
    }

    /// The bytes from `offset` on; nil when they are not all there.
    func slice(at offset: Int, count length: Int) -> ArraySlice<UInt8>? {
        guard offset >= 0, length >= 0, offset <= count, length <= count - offset else { return nil }
        return self[offset..<offset + length]
    }

    /// The C string that begins at `offset` and ends before `end`; nil when it does not, or is longer than `limit`:
    /// a small object can refer to one long string again and again.
    func string(at offset: Int, before end: Int, limit: Int = 512) -> String? {
        guard offset >= 0, offset < end, end <= count,
            let terminator = self[offset..<Swift.min(end, offset + limit)].firstIndex(of: 0)
        else { return nil }
        return String(decoding: self[offset..<terminator], as: UTF8.self)
    }
}
