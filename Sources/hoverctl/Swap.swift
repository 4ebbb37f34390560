// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HoverAPI

struct Swap: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replace a module's code while traffic flows through it.",
        discussion: """
            Links, ports and counters stay, and tables keep their entries where the types of their keys and values \
            are the same. Until the new code is compiled, checked and loaded, the old one runs; when it is refused, \
            the old one goes on.

            Example:
              hoverctl swap web -f web.c
              sed s/PORTS/4/ web.c | hoverctl swap web -f -
            """)

    @Argument(help: "The module's name or id.", completion: .custom(completeModules))
    var module: Reference
    @Option(name: .shortAndLong, help: "The C source or eBPF object; - is standard input.", completion: .file())
    var file: String
    @Flag(help: "When the kernel's verifier refuses the code, print its whole log.")
    var verifierLog = false
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.client
        let code = try ModuleCode(reading: file)
        let module = try await reporting {
            ProblemReport($0, source: code.source, wholeLog: verifierLog)
        } to: {
            try await client.replaceCode(of: self.module.text, CodeRequest(code), ifMatch: revision.ifMatch)
        }
        try complain(ofWarningsOf: module)
        try common.confirm(module, "replaced the code of module \(module.name) (generation \(module.generation))")
    }
}

extension CodeRequest {
    init(_ code: ModuleCode) {
        switch code.content {
        case .source(let source): self.init(source: source, file: code.file)
        case .object(let object): self.init(object: Data(object).base64EncodedString())
        }
    }
}

/// Prints what the compiler had to say of code that was taken.
func complain(ofWarningsOf module: Module) throws {
    guard !module.warnings.isEmpty else { return }
    let console = Console.current
    try console.complain(ClangOutput(module.warnings).rendered(coloured: console.coloursErrors))
}
