// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import Testing

@testable import hoverctl

@Suite struct ProblemReportTests {
    private let clang = """
        web.c:3:12: error: expected ';' after return statement
            3 | \treturn 0
              |         ^
              |         ;
        1 error generated.

        """

    private func compileProblem(log: String) -> Problem {
        Problem(
            type: "urn:hover:problem:compile", title: "The source does not compile", status: 422,
            detail: "web.c does not compile", log: log)
    }

    @Test func printsWhatClangPrinted() {
        let report = ProblemReport(compileProblem(log: clang)).rendered(coloured: false)
        #expect(report == clang + "error: web.c does not compile\n")
    }

    @Test func coloursAsClangDoes() {
        let report = ProblemReport(compileProblem(log: clang)).rendered(coloured: true)
        #expect(report.contains("\u{1b}[1mweb.c:3:12:\u{1b}[0m \u{1b}[1;31merror:\u{1b}[0m \u{1b}[1mexpected"))
        #expect(report.contains("      |         \u{1b}[1;32m^\u{1b}[0m\n"))
        #expect(report.contains("    3 | \treturn 0\n"))
        let sgr = /\u{1b}\[[0-9;]*m/
        #expect(report.replacing(sgr, with: "") == clang + "error: web.c does not compile\n")
    }

    @Test func letsNoSourceControlTheTerminal() {
        let report = ProblemReport(compileProblem(log: "a.c:1:1: error: \u{1b}[2J\r\u{9b}x\r\nnext")).rendered(
            coloured: false)
        #expect(report == #"a.c:1:1: error: \u001b[2J\r\u009bx"# + "\nnext\nerror: web.c does not compile\n")
    }

    private let source = (
        file: "web.c",
        text: "int a;\nstatic int handle_rx(void *pkt, struct metadata *md)\n{\n\treturn *(int *)pkt;\n}\n"
    )
    private let log = """
        0: R1=ctx() R10=fp0
        ; return *(int *)pkt; @ web.c:4
        3: (61) r0 = *(u32 *)(r1 +0)
        invalid access to packet
        """

    private func verifierProblem(column: Int = 9) -> Problem {
        Problem(
            type: "urn:hover:problem:verifier", title: "The kernel's verifier refused the program", status: 422,
            detail: "web.c:4: invalid access to packet",
            diagnostics: [
                Diagnostic(
                    file: "web.c", line: 4, column: column, severity: "error", message: "invalid access to packet")
            ], log: log)
    }

    @Test func showsTheLineThatTheVerifierRefused() {
        #expect(
            ProblemReport(verifierProblem(), source: source).rendered(coloured: false) == """
                web.c:4:9: error: invalid access to packet
                    4 | \treturn *(int *)pkt;
                      | \t       ^
                error: web.c:4: invalid access to packet
                hint: for the verifier's whole log run the same command with --verifier-log

                """)
    }

    @Test func takesTheLineFromTheLogOfAnObject() {
        #expect(
            ProblemReport(verifierProblem(column: 0)).rendered(coloured: false).hasPrefix(
                """
                web.c:4: error: invalid access to packet
                    4 | return *(int *)pkt;
                error:
                """))
    }

    @Test func printsTheVerifiersWholeLog() {
        let report = ProblemReport(verifierProblem(), source: source, wholeLog: true).rendered(coloured: false)
        #expect(report.hasPrefix(log + "\nweb.c:4:9: error:"))
        #expect(!report.contains("hint:"))
    }

    @Test(arguments: [-1, 0, 6, 1000, .max])
    func survivesPlacesThatAreNotThere(line: Int) {
        var problem = verifierProblem()
        problem.diagnostics?[0].line = line
        problem.diagnostics?[0].column = line
        #expect(ProblemReport(problem, source: source).rendered(coloured: false).contains("invalid access"))
    }

    @Test func printsOtherProblemsInOneLine() {
        let problem = Problem(type: "about:blank", title: "Not Found", status: 404, detail: "no module 'x'\u{1b}\nsee")
        #expect(ProblemReport(problem).rendered(coloured: false) == "error: no module 'x'\\u001b\\nsee\n")
    }
}
