// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import Testing

@testable import hoverctl

@Suite struct CreateModuleTests {
    private let source = Array("int x;".utf8)
    private let object: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 0xff, 0x00]

    private func request(_ words: [String], code: ModuleCode) throws -> ModuleRequest {
        let command = try #require(try Hoverctl.parseAsRoot(["create", "module"] + words) as? CreateModule)
        return command.request(code)
    }

    @Test func sendsNoMoreThanWasSaid() throws {
        let request = try request(["-f", "dir/web.bpf.c"], code: ModuleCode(source, file: "web.bpf.c"))
        #expect(request == ModuleRequest(name: "web", type: "bpf/forward", source: "int x;", file: "web.bpf.c"))
    }

    @Test func sendsAllThatWasSaid() throws {
        let request = try request(
            [
                "--file", "x.c", "--name", "two words", "--type", "bpf/policy", "--ports", "2", "--max-ports", "8",
                "--tag", "web", "--tag", "i:eth1", "--place", "web:1/egress@first", "--place", "i:eth1", "--config",
                "limit=18446744073709551615", "--config", "hex=0x10",
                "--config", "on=true", "--config", "text=a=b", "--config", "list=[1,2]", "--no-counters",
            ], code: ModuleCode(source, file: "x.c"))
        #expect(
            request
                == ModuleRequest(
                    name: "two words", type: "bpf/policy", tags: ["web", "i:eth1"],
                    placements: [
                        Placement(node: "web", port: 1, direction: "egress", at: "first"), Placement(node: "i:eth1"),
                    ], source: "int x;", file: "x.c", ports: 2, maxPorts: 8,
                    config: ["limit": .unsigned(.max), "hex": "0x10", "on": true, "text": "a=b", "list": [1, 2]],
                    counters: false))
    }

    @Test func sendsObjectsByTheirMagic() throws {
        let request = try request(["-f", "x.c"], code: ModuleCode(object, file: "x.c"))
        #expect(request.source == nil)
        #expect(request.file == nil)
        #expect(request.object.flatMap { Data(base64Encoded: $0) } == Data(object))
    }

    @Test(arguments: [
        ["-f", "-"], [], ["-f", "x.c", "--config", "x"], ["-f", "x.c", "--config", "=1"],
        ["-f", "x.c", "--config", "x=1", "--config", "x=2"], ["-f", "x.c", "--ports", "many"],
        ["-f", "x.c", "--tag", ""], ["-f", "x.c", "--place", "web:1@middle"],
    ])
    func refusesWrongUsage(words: [String]) {
        #expect(throws: (any Error).self) { try Hoverctl.parseAsRoot(["create", "module"] + words) }
    }

    @Test(arguments: [
        ("web.c", "web"), ("web.o", "web"), ("web.bpf.c", "web"), ("web.bpf.o", "web"), ("web.v2.c", "web.v2"),
        ("web", "web"), (".c", ".c"),
    ])
    func namesModulesAfterFiles(file: String, name: String) throws {
        #expect(try ModuleCode(source, file: file).name == name)
    }

    @Test func refusesWhatIsNoCode() throws {
        #expect(throws: CommandFailure.self) { try ModuleCode([], file: "x.c") }
        #expect(throws: CommandFailure.self) { try ModuleCode([0xff, 0xfe], file: "x.c") }
        let large = [UInt8](repeating: 0x20, count: ModuleRequest.codeLimit + 1)
        let failure = #expect(throws: CommandFailure.self) { try ModuleCode(large, file: "x.c") }
        #expect(failure?.message.contains("1048576 bytes") == true)
        #expect(throws: Never.self) { try ModuleCode(large.dropLast(), file: "x.c") }
    }

    @Test func readsNoMoreThanItNeeds() {
        let failure = #expect(throws: CommandFailure.self) { try ModuleCode(reading: "/dev/zero") }
        #expect(failure?.message.contains("1048576 bytes") == true)
    }

    @Test(arguments: [("/nowhere/x.c", "No such file or directory"), ("/tmp", "Is a directory")])
    func saysWhyItCannotRead(path: String, reason: String) {
        let failure = #expect(throws: CommandFailure.self) { try ModuleCode(reading: path) }
        #expect(failure?.message == "\(path): \(reason)")
    }
}
