// SPDX-License-Identifier: Apache-2.0
import BPF
import Testing
import TypedValue

/// The types of a piece of C, in which each variable is a map's value so that it is kept.
private func types(of source: String) throws -> BTF {
    let object = try BPFObject(bytes: try compile("#include \"fixture.h\"\n" + source), name: "types")
    return try #require(try object.types)
}

private func shape(of variable: String, in source: String) throws -> TypeShape {
    let types = try types(of: source)
    return types.shape(of: try #require(types.variable(named: variable)).id)
}

private typealias Member = TypeShape.Member

@Suite struct BTFTests {
    @Test func `a variable has its section, place and size`() throws {
        let types = try types(
            of: "const volatile __u32 limit = 5; const volatile __u8 flag = 1; __u64 counter; int set = 3;")
        let limit = try #require(types.variable(named: "limit"))
        #expect(limit.section == ".rodata" && limit.size == 4)
        #expect(types.variable(named: "counter")?.section == ".bss")
        #expect(try #require(types.variable(named: "set")).section == ".data")
        let flag = try #require(types.variable(named: "flag"))
        #expect(flag.section == ".rodata" && flag.size == 1)
        #expect(flag.offset != limit.offset)
        #expect(types.variable(named: "fixture_license")?.section == "license")
        #expect(types.variable(named: "nothing") == nil)
        #expect(types.size(of: limit.typeID) == 4)
    }

    @Test func `types can be walked`() throws {
        let types = try types(of: "struct pair { int a; struct pair *next; } pair; struct pair *volatile p;")
        let variable = try #require(types.variable(named: "pair"))
        let pair = try #require(types.type(variable.typeID))
        #expect(pair.name == "pair")
        guard case .structure(16, let members) = pair.kind else {
            Issue.record("\(pair.kind)")
            return
        }
        #expect(members.map(\.name) == ["a", "next"])
        #expect(members.map(\.bitOffset) == [0, 64])
        #expect(types.type(members[1].typeID)?.kind == .pointer(to: variable.typeID))
        #expect(types.type(0) == nil)
        #expect(types.type(types.ids.upperBound) == nil)
        #expect(types.type(.max) == nil)
        #expect(types.size(of: 0) == nil)
    }

    @Test(arguments: [
        ("__u8", TypeShape.integer(size: 1, signed: false)), ("__s8", .integer(size: 1, signed: true)),
        ("char", .integer(size: 1, signed: true)), ("__s16", .integer(size: 2, signed: true)),
        ("__u32", .integer(size: 4, signed: false)), ("long long", .integer(size: 8, signed: true)),
        ("__int128", .integer(size: 16, signed: true)), ("bool", .boolean),
        ("void *", .integer(size: 8, signed: false)),
        ("__be16", .formatted(.bigEndian(size: 2))), ("__be32", .formatted(.bigEndian(size: 4))),
        ("__be64", .formatted(.bigEndian(size: 8))), ("__sum16", .integer(size: 2, signed: false)),
        ("double", .bytes(count: 8)),
    ])
    func `a scalar has its shape`(type: String, expected: TypeShape) throws {
        #expect(try shape(of: "v", in: "volatile \(type) v;") == expected)
    }

    @Test(arguments: [
        ("char v[16]", TypeShape.characters(count: 16)), ("__u8 v[3]", .bytes(count: 3)),
        ("unsigned char v[3]", .bytes(count: 3)), ("__s8 v[2]", .array(of: .integer(size: 1, signed: true), count: 2)),
        ("__u16 v[2]", .array(of: .integer(size: 2, signed: false), count: 2)),
        ("__u8 v[2][6]", .array(of: .bytes(count: 6), count: 2)),
        ("__be16 v[4]", .array(of: .formatted(.bigEndian(size: 2)), count: 4)),
        ("bool v[2]", .array(of: .boolean, count: 2)),
    ])
    func `an array has its shape`(declaration: String, expected: TypeShape) throws {
        #expect(try shape(of: "v", in: declaration + ";") == expected)
    }

    @Test func `enumerations know their names`() throws {
        let small = try shape(of: "v", in: "enum small { A, B = 7 } v;")
        #expect(
            small
                == .enumeration(
                    size: 4, signed: false, names: [.init(name: "A", value: 0), .init(name: "B", value: 7)]))
        let negative = try shape(of: "v", in: "enum { A = -1, B } v;")
        #expect(
            negative
                == .enumeration(
                    size: 4, signed: true, names: [.init(name: "A", value: -1), .init(name: "B", value: 0)]))
        let packed = try shape(of: "v", in: "enum __attribute__((packed)) { A, B } v;")
        #expect(packed.size == 1)
        let large = try shape(of: "v", in: "enum large { A, B = 0x8000000000000001 } v;")
        #expect(
            large
                == .enumeration(
                    size: 8, signed: false,
                    names: [
                        .init(name: "A", value: 0), .init(name: "B", value: Int64(bitPattern: 0x8000_0000_0000_0001)),
                    ]))
    }

    @Test func `members of anonymous structures and unions stand among the others`() throws {
        let source = """
            struct outer { __u32 a; union { __u32 b; struct { __u16 c; __u8 d[2]; }; }; struct inner { __u8 e; } f; } v;
            """
        let integer = { (size: Int) in TypeShape.integer(size: size, signed: false) }
        let inner = TypeShape.structure(
            name: "inner", size: 1, isUnion: false, members: [Member(name: "e", offset: 0, shape: integer(1))])
        #expect(
            try shape(of: "v", in: source)
                == .structure(
                    name: "outer", size: 12, isUnion: false,
                    members: [
                        Member(name: "a", offset: 0, shape: integer(4)),
                        Member(name: "b", offset: 4, shape: integer(4)),
                        Member(name: "c", offset: 4, shape: integer(2)),
                        Member(name: "d", offset: 6, shape: .bytes(count: 2)),
                        Member(name: "f", offset: 8, shape: inner),
                    ]))
    }

    @Test func `a structure without a name has its typedef's`() throws {
        let source = "typedef union { __u32 number; __u8 bytes[4]; } either; const volatile either v;"
        guard case .structure("either", 4, true, let members) = try shape(of: "v", in: source) else {
            Issue.record("no union")
            return
        }
        #expect(members.map(\.name) == ["number", "bytes"])
    }

    @Test func `bitfields have their bits, and bytes go there and back`() throws {
        let source = """
            struct { __u32 a : 3; __s32 b : 7; bool c : 1; __u32 : 5; __u32 d : 16; __u64 e : 40; } v = {};
            """
        let shape = try shape(of: "v", in: source)
        guard case .structure(_, 16, false, let members) = shape else {
            Issue.record("\(shape)")
            return
        }
        #expect(members.map(\.name) == ["a", "b", "c", "d", "e"])
        #expect(members.map(\.bitSize) == [3, 7, 1, 16, 40])
        #expect(members.map { $0.offset * 8 + $0.bitOffset } == [0, 3, 10, 16, 64])
        let value: TypedValue = ["a": 5, "b": -3, "c": true, "d": 0xabcd, "e": 0x12_3456_789a]
        let bytes = try shape.encode(value)
        #expect(bytes[0..<4] == [0b1110_1101, 0b0000_0111, 0xcd, 0xab])
        #expect(try shape.decode(bytes) == value)
    }

    @Test func `tags ask for a notation`() throws {
        let source = """
            #define TAG(name) __attribute__((btf_decl_tag("hover:" name)))
            typedef __be32 address TAG("ipv4");
            struct TAG("ipv6") in6 { __u8 bytes[16]; };
            struct TAG("prefix4") prefix { __u32 length; address address; };
            struct { address source; __u32 plain; __be32 target TAG("ipv4"); __u8 mac[6] TAG("mac");
                     __u8 macs[2][6] TAG("mac"); struct in6 six; address many[2]; __u16 wrong TAG("mac");
                     struct prefix net; } v;
            __u32 tagged TAG("ipv4");
            """
        guard case .structure(_, _, _, let members) = try shape(of: "v", in: source) else {
            Issue.record("no structure")
            return
        }
        let shapes = Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.shape) })
        #expect(shapes["source"] == .formatted(.ipv4))
        #expect(shapes["plain"] == .integer(size: 4, signed: false))
        #expect(shapes["target"] == .formatted(.ipv4))
        #expect(shapes["mac"] == .formatted(.mac))
        #expect(shapes["macs"] == .array(of: .formatted(.mac), count: 2))
        #expect(shapes["six"] == .formatted(.ipv6))
        #expect(shapes["many"] == .array(of: .formatted(.ipv4), count: 2))
        #expect(shapes["net"] == .formatted(.prefix4))
        #expect(shapes["wrong"] == .integer(size: 2, signed: false))
        let types = try types(of: source)
        let tagged = try #require(types.variable(named: "tagged"))
        #expect(types.declTags(of: tagged.id) == ["hover:ipv4"])
        #expect(types.declTags(of: tagged.id, member: 0) == [])
        #expect(types.shape(of: tagged.id) == .formatted(.ipv4))
        let structure = try #require(types.variable(named: "v"))
        #expect(types.declTags(of: structure.typeID, member: 2) == ["hover:ipv4"])
    }

    @Test func `a map's types are those of its keys and values`() throws {
        let source = """
            #include "fixture.h"
            struct key { __be32 address; __u16 port; };
            struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, struct key);
                     __type(value, __u64); } table SEC(".maps") __attribute__((btf_decl_tag("hover:table")));
            """
        let object = try BPFObject(bytes: try compile(source), name: "types")
        let types = try #require(try object.types)
        let map = try #require(object.maps.first { $0.name == "table" })
        #expect(types.shape(of: map.btfValueTypeID) == .integer(size: 8, signed: false))
        #expect(types.shape(of: map.btfKeyTypeID).size == map.keySize)
        #expect(types.declTags(of: try #require(types.variable(named: "table")).id) == ["hover:table"])
        try object.load()
        let loaded = try map.map.information
        let kernel = try BTF(id: loaded.btfID)
        #expect(kernel.shape(of: loaded.btfKeyTypeID) == types.shape(of: map.btfKeyTypeID))
    }

    @Test func `BTF that the kernel does not have is an error`() {
        #expect(throws: KernelError.self) { try BTF(id: .max) }
    }
}
