// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI
import Testing

@testable import hoverctl

@Suite struct UsageTests {
    @Test(arguments: [
        ["frobnicate"], ["get", "nothing"], ["get", "modules", "-o", "xml"], ["link", "a"], ["link", "a", "i:eth1:2"],
        ["delete"], ["delete", "link"], ["table", "set", "web", "hits", "1"],
        ["get", "modules", "--endpoint", "nonsense"],
        ["get", "module", ""], ["create", "module"], ["create", "placement", "fw"], ["delete", "placement", "fw"],
        ["create", "placement", "fw", "web:1/up"], ["delete", "placement", "fw", "web:1@first"],
        ["capture"], ["capture", "web", "--count", "0"], ["get", "slow-path"], ["create", "packet", "web:1", "out"],
        ["create", "packet", "web", "out", "00"], ["create", "packet", "web:1", "up", "00"],
        ["create", "packet", "web:1", "in", "0"], ["create", "packet", "web:1", "in", "0g"],
        ["apply"], ["plan"], ["rollback"], ["rollback", "first"], ["swap", "web"], ["swap", "-f", "x.c"],
        ["apply", "-f", "x.yaml", "--if-match", "x"], ["delete", "a", "b", "--if-match", "7"],
        ["get", "port", "web", "x"], ["--nonsense"],
    ])
    func wrongUsageEndsWith2(words: [String]) async {
        let outcome = await hoverctl(words)
        #expect(outcome.status == 2)
        #expect(outcome.output == "")
        #expect(outcome.errors.contains("Usage: hoverctl"), "\(outcome.errors)")
    }

    @Test(arguments: [
        ["--help"], [], ["get", "--help"], ["help", "table", "set"], ["--version"], ["create", "module", "-h"],
    ])
    func helpIsNoError(words: [String]) async {
        let outcome = await hoverctl(words)
        #expect(outcome.status == 0)
        #expect(outcome.errors == "")
        #expect(outcome.output.contains("hoverctl") || outcome.output == "\(hoverVersion)\n")
    }

    @Test func everyCommandHasAnExample() {
        func check(_ command: any ParsableCommand.Type) {
            let discussion = command.configuration.discussion
            #expect(discussion.contains("  hoverctl "), "\(command)")
            #expect(!command.configuration.abstract.isEmpty, "\(command)")
            for line in discussion.split(separator: "\n") where line.hasPrefix("  ") {
                #expect(line.count <= 80, "\(command): \(line)")
            }
            command.configuration.subcommands.forEach(check)
        }
        check(Hoverctl.self)
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func writesCompletionScripts(shell: String) async {
        let outcome = await hoverctl("--generate-completion-script", shell)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("interfaces"))
    }

    @Test func saysThatHoverdIsNotRunning() async {
        let outcome = await hoverctl("get", "modules", "--endpoint", "/nowhere/hover.sock")
        #expect(outcome.status == 1)
        #expect(outcome.errors.hasPrefix("error: hoverd is not running at /nowhere/hover.sock"))
        #expect(outcome.errors.split(separator: "\n").count == 1)
        let version = await hoverctl("version", "--endpoint", "/nowhere/hover.sock")
        #expect(version.status == 1)
        #expect(version.output == "hoverctl \(hoverVersion)\n")
    }

    @Test func isQuietWhenTheReaderHasGone() async {
        let outcome = await hoverctl("--help", brokenOutput: true)
        #expect(outcome == Outcome(status: 0))
    }

    @Test(arguments: [
        ("table set a b 0 -5", "table set a b 0 -- -5"), ("table get a b -1", "table get a b -- -1"),
        ("table set a b -1 -5", "table set a b -- -1 -5"), ("table set a b -- -1 -5", "table set a b -- -1 -5"),
        ("table set a b -1 5 -o json", "table set a b -1 5 -o json"), ("get modules -5", "get modules -5"),
        ("table set -o json a b 0 -5", "table set -o json a b 0 -- -5"),
    ])
    func takesNegativeNumbers(line: String, expected: String) {
        let words = TableGroup.protectingNegativeNumbers(line.split(separator: " ").map(String.init))
        #expect(words.joined(separator: " ") == expected)
    }
}
