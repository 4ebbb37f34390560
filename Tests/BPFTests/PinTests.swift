// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Testing

@Suite struct PinTests {
    @Test func `a pin keeps a map alive`() throws {
        try withPrivateBPFFileSystem { folder in
            let pin = folder + "/map"
            func create() throws -> UInt32 {
                let map = try BPFMap(create: .hash, name: "pinned", keySize: 4, valueSize: 4, maxEntries: 8)
                try map.set([1, 2, 3, 4], for: [0, 0, 0, 0])
                try map.pin(at: pin)
                return map.information.id
            }
            let id = try create()
            let map = try BPFMap(pinned: pin)
            #expect(map.information.id == id)
            #expect(try map.value(for: [0, 0, 0, 0]) == [1, 2, 3, 4])
            #expect(errorNumber { try map.pin(at: pin) } == EEXIST)
            #expect(try BPFFileSystem.removePin(pin))
            #expect(try BPFFileSystem.removePin(pin) == false)
            #expect(errorNumber { try BPFMap(pinned: pin) } == ENOENT)
        }
    }

    @Test func `a pin keeps a program alive`() throws {
        try withPrivateBPFFileSystem { folder in
            let pin = folder + "/program"
            try loadClassifier(returning: 7).pin(at: pin)
            let program = try BPFProgram(pinned: pin)
            #expect(try program.testRun(data: [UInt8](repeating: 0, count: 64)).returnValue == 7)
        }
    }

    @Test func `folders of pins are listed and removed with what is in them`() throws {
        try withPrivateBPFFileSystem { root in
            #expect(BPFFileSystem.isMounted(at: root))
            // The kernel may have put iterators there.
            let before = try BPFFileSystem.contents(of: root)
            try BPFFileSystem.createFolder(root + "/a")
            try BPFFileSystem.createFolder(root + "/a/b")
            try BPFFileSystem.createFolder(root + "/a/b")
            let map = try BPFMap(create: .array, name: "pinned", keySize: 4, valueSize: 4, maxEntries: 1)
            try map.pin(at: root + "/a/z")
            try map.pin(at: root + "/a/b/y")
            #expect(try BPFFileSystem.contents(of: root + "/a") == ["b", "z"])
            #expect(try BPFFileSystem.removeFolder(root + "/a"))
            #expect(try BPFFileSystem.contents(of: root) == before)
            #expect(try BPFFileSystem.removeFolder(root + "/a") == false)
            #expect(errorNumber { try BPFFileSystem.contents(of: root + "/a") } == ENOENT)
        }
    }

    @Test func `a folder elsewhere is no bpffs`() throws {
        try withTemporaryFolder { folder in
            #expect(!BPFFileSystem.isMounted(at: folder.path))
            #expect(!BPFFileSystem.isMounted(at: folder.path + "/missing"))
            let map = try BPFMap(create: .array, name: "pinned", keySize: 4, valueSize: 4, maxEntries: 1)
            #expect(throws: KernelError.self) { try map.pin(at: folder.path + "/map") }
        }
    }
}
