// SPDX-License-Identifier: Apache-2.0
import BPF
import Testing
import TypedValue

/// BTF put together by hand, well-formed or not.
private struct HandmadeBTF {
    private var types: [UInt32] = []
    private var strings: [UInt8] = [0]
    private(set) var count: UInt32 = 0

    enum Kind: UInt32 {
        case integer = 1
        case pointer, array, structure, union, enumeration, forward, typedef
    }

    /// Adds a type and returns its number.
    mutating func add(
        _ kind: Kind, name: String = "", parts: Int = 0, flag: Bool = false, sizeOrType: UInt32, data: [UInt32] = []
    ) -> UInt32 {
        let offset = name.isEmpty ? 0 : UInt32(strings.count)
        if !name.isEmpty { strings += Array(name.utf8) + [0] }
        types += [offset, kind.rawValue << 24 | UInt32(parts) | (flag ? 1 << 31 : 0), sizeOrType] + data
        count += 1
        return count
    }

    mutating func integer() -> UInt32 { add(.integer, name: "int", sizeOrType: 4, data: [32]) }

    mutating func array(of element: UInt32, count: UInt32) -> UInt32 {
        add(.array, sizeOrType: 0, data: [element, element, count])
    }

    /// A structure of members with the names m0, m1, …
    mutating func structure(size: UInt32, _ members: [(type: UInt32, bitOffset: UInt32)]) -> UInt32 {
        var data: [UInt32] = []
        for (index, member) in members.enumerated() {
            data += [UInt32(strings.count), member.type, member.bitOffset]
            strings += Array("m\(index)".utf8) + [0]
        }
        return add(.structure, name: "s", parts: members.count, sizeOrType: size, data: data)
    }

    var bytes: [UInt8] {
        let size = UInt32(types.count * 4)
        let header = [0x0001_eb9f, 24, 0, size, size, UInt32(strings.count)]
        return (header + types).flatMap { [UInt8]($0) } + strings
    }
}

@Suite struct HostileBTFTests {
    @Test func `a type that contains itself is refused`() {
        var btf = HandmadeBTF()
        _ = btf.add(.typedef, name: "t", sizeOrType: 1)
        #expect(throws: BTFError.self) { try BTF(bytes: btf.bytes) }
        btf = HandmadeBTF()
        _ = btf.structure(size: 8, [(2, 0)])
        _ = btf.array(of: 1, count: 1)
        let error = #expect(throws: BTFError.self) { try BTF(bytes: btf.bytes) }
        #expect(error?.description == "type 1 contains itself")
    }

    @Test func `a pointer to oneself is allowed`() throws {
        var btf = HandmadeBTF()
        _ = btf.add(.pointer, sizeOrType: 1)
        #expect(try BTF(bytes: btf.bytes).shape(of: 1) == .integer(size: 8, signed: false))
    }

    @Test func `references to nothing are refused`() {
        var btf = HandmadeBTF()
        _ = btf.add(.pointer, sizeOrType: 2)
        #expect(throws: BTFError.self) { try BTF(bytes: btf.bytes) }
        btf = HandmadeBTF()
        _ = btf.structure(size: 4, [(7, 0)])
        #expect(throws: BTFError.self) { try BTF(bytes: btf.bytes) }
        btf = HandmadeBTF()
        _ = btf.add(.enumeration, parts: 1, sizeOrType: 4, data: [0xffff, 1])
        #expect(throws: BTFError.self) { try BTF(bytes: btf.bytes) }
    }

    @Test func `a chain of types that is longer than the kernel takes has no size`() throws {
        var btf = HandmadeBTF()
        var last = btf.integer()
        for _ in 0..<20_000 {
            last = btf.add(.typedef, name: "t", sizeOrType: last)
        }
        let types = try BTF(bytes: btf.bytes)
        #expect(types.size(of: 30) == 4)
        #expect(types.size(of: last) == nil)
        #expect(types.shape(of: last) == .bytes(count: 0))
    }

    @Test func `types that unfold without end have a bounded shape`() throws {
        var btf = HandmadeBTF()
        var last = btf.integer()
        var size: UInt32 = 4
        // Each structure has the one before it eight times, at the same place.
        for _ in 0..<30 {
            size += 1
            last = btf.structure(size: size, Array(repeating: (last, 0), count: 8))
        }
        #expect(try BTF(bytes: btf.bytes).shape(of: last).size == Int(size))
    }

    @Test func `many references to a long name or a large structure cost little`() throws {
        var btf = HandmadeBTF()
        let integer = btf.integer()
        let large = btf.structure(size: 40_000, (0..<10_000).map { (integer, $0 * 32) })
        let larger = btf.structure(size: 400_000, (0..<10).map { (large, $0 * 320_000) })
        var pointer = btf.add(.pointer, name: String(repeating: "x", count: 1 << 20), sizeOrType: 0)
        for _ in 0..<10_000 {
            pointer = btf.add(.pointer, name: String(repeating: "x", count: 16), sizeOrType: pointer)
        }
        let types = try BTF(bytes: btf.bytes)
        guard case .structure(_, 400_000, _, let members) = types.shape(of: larger) else {
            Issue.record("no structure")
            return
        }
        #expect(members.count == 10)
        #expect(members.last?.shape == .bytes(count: 40_000))
        #expect(types.type(large + 2)?.name == "")
    }

    @Test func `what has no end or no room is bytes`() throws {
        var btf = HandmadeBTF()
        let integer = btf.integer()
        let many = btf.array(of: integer, count: .max)
        let more = btf.array(of: many, count: .max)
        let most = btf.array(of: more, count: .max)
        let empty = btf.structure(size: 0, [])
        let none = btf.array(of: empty, count: .max)
        let outside = btf.structure(size: 4, [(integer, 8)])
        let odd = btf.add(.integer, name: "odd", sizeOrType: 3, data: [24])
        let wide = btf.add(.integer, name: "wide", sizeOrType: 4, data: [255])
        let same = btf.add(.structure, parts: 2, sizeOrType: 8, data: [1, integer, 0, 1, integer, 32])
        let types = try BTF(bytes: btf.bytes)
        #expect(types.shape(of: many) == .bytes(count: 4 * Int(UInt32.max)))
        #expect(types.size(of: most) == nil)
        #expect(types.shape(of: most) == .bytes(count: 0))
        #expect(types.shape(of: none) == .bytes(count: 0))
        #expect(types.shape(of: outside) == .bytes(count: 4))
        #expect(types.shape(of: odd) == .bytes(count: 3))
        #expect(types.shape(of: wide) == .bytes(count: 4))
        #expect(types.shape(of: same) == .bytes(count: 8))
        #expect(types.shape(of: 0) == .bytes(count: 0))
        #expect(types.shape(of: .max) == .bytes(count: 0))
    }

    @Test func `bytes that are not BTF are refused, however they are damaged`() {
        var btf = HandmadeBTF()
        let integer = btf.integer()
        _ = btf.structure(size: 8, [(integer, 0), (integer, 32)])
        let good = btf.bytes
        for size in 0..<good.count {
            #expect(throws: BTFError.self) { try BTF(bytes: Array(good.prefix(size))) }
        }
        for offset in good.indices {
            for mask in [0x01, 0x80, 0xff] as [UInt8] {
                var damaged = good
                damaged[offset] ^= mask
                guard let types = try? BTF(bytes: damaged) else { continue }
                for id in types.ids { _ = types.shape(of: id) }
            }
        }
    }
}
