// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare what hoverd should have in the kernel with what is there, and put it in order.",
        discussion: """
            States are missing (it should be there), different (it is not what it should be), orphaned (hoverd's, but \
            nothing needs it) and foreign (somebody else's in its place; hoverd leaves it alone).

            Example:
              hoverctl doctor
              hoverctl doctor --mend
            """)

    @Flag(help: "Put in order what is hoverd's; fails when something of it stays as it is.")
    var mend = false
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.patientClient
        let report = mend ? try await client.mend() : try await client.doctor()
        if report.findings.isEmpty {
            try common.confirm(report, "all is in order")
        } else {
            try await common.show(report) { [TextTable(report.findings)] }
        }
        // What is somebody else's is theirs to put in order.
        if mend, report.findings.contains(where: { !$0.mended && $0.state != "foreign" }) { throw ExitCode.failure }
    }
}

extension TextTable {
    init(_ findings: [Finding]) {
        columns = ["OBJECT", "STATE", "MENDED", "DETAIL"]
        rows = findings.map { [$0.object, $0.state, $0.mended ? "yes" : "no", $0.detail] }
    }
}

struct Down: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have hoverd take all out of the kernel that it has there, and end.",
        discussion: """
            Without it, modules run on in the kernel when hoverd ends. The next start makes them again, unless they \
            are forgotten: then it begins with nothing.

            Example:
              hoverctl down
              hoverctl down --forget
            """)

    @Flag(help: "Forget modules, links and revisions too.")
    var forget = false
    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await common.client.down(forget: forget)
        try common.confirm("hoverd takes all out of the kernel, and ends" + (forget ? "; it forgets all" : ""))
    }
}
