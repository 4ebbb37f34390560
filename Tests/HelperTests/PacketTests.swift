// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite struct PacketTests {
    private let packet = [UInt8](0..<100)

    @Test(arguments: Hook.available)
    func `bytes are loaded up to the end`(hook: Hook) throws {
        let program = HelperProgram(name: "load", hook: hook)
        let outcome = try program.run(packet, Arguments(offset: 30, size: 4))
        #expect(outcome.returned == 0 && outcome.value == 0x2120_1f1e)
        #expect(try program.run(packet, Arguments(offset: 98, size: 2)).value == 0x6362)
        for (offset, size) in [(99, 2), (97, 4), (100, 2), (0x7ffe, 4), (0x8000, 2), (0x7fff_ffff, 2)] {
            #expect(try program.run(packet, Arguments(offset: offset, size: size)).returned < 0)
        }
    }

    /// The C test's `load` takes a size that is no constant where it is not 2 or 4: its lower three bits, plus 1.
    @Test(arguments: Hook.available)
    func `a size need not be constant`(hook: Hook) throws {
        let program = HelperProgram(name: "load", hook: hook)
        #expect(try program.run(packet, Arguments(offset: 93, size: 6)).headers.totalLength == 0x605f_5e5d)
        #expect(try program.run(packet, Arguments(offset: 94, size: 6)).returned < 0)
    }

    @Test(arguments: Hook.available)
    func `bytes are stored up to the end`(hook: Hook) throws {
        let program = HelperProgram(name: "store", hook: hook)
        var expected = packet
        expected.replaceSubrange(30..<34, with: [0xde, 0xad, 0xbe, 0xef])
        let value: [UInt8] = [0xde, 0xad, 0xbe, 0xef]
        #expect(try program.run(packet, Arguments(offset: 30, size: 4, value: value)).frame == expected)
        let last = try program.run(packet, Arguments(offset: 98, size: 2, value: value))
        #expect(last.frame == packet.dropLast(2) + value.prefix(2))
        let beyond = try program.run(packet, Arguments(offset: 97, size: 4, value: value))
        #expect(beyond.returned < 0 && beyond.frame == packet)
    }

    @Test(arguments: Hook.available)
    func `the length is that of the whole frame`(hook: Hook) throws {
        let program = HelperProgram(name: "length", hook: hook)
        #expect(try program.run(packet).value == 100)
        #expect(try program.run([UInt8](repeating: 0, count: 14)).value == 14)
    }

    /// xdp cannot move what is in another piece.
    @Test(arguments: Hook.available)
    func `what was pulled is read in place`(hook: Hook) throws {
        let program = HelperProgram(name: "pull", hook: hook)
        let outcome = try program.run(packet, Arguments(size: 60))
        if hook == .xdpPieces || hook == .xdpFar {
            #expect(outcome.returned < 0)
        } else {
            #expect(outcome.returned == 0 && outcome.value == 59)
        }
        #expect(try program.run(packet, Arguments(size: 101)).returned < 0)
    }

    @Test func `where the kernel is new enough, frames in pieces are tested`() throws {
        let release = try String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)
        let numbers = release.split { !$0.isNumber }.compactMap { Int($0) }
        #expect(Hook.canTestPieces || (numbers[0], numbers[1]) < (6, 18))
    }
}
