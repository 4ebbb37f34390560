// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import ModuleCompiler

/// The compiler of this host, with the headers of this checkout.
func makeCompiler(
    limits: CompileLimits = CompileLimits(), toolFolders: [String] = ["/usr/bin", "/bin"]
) throws -> ModuleCompiler {
    try ModuleCompiler(
        clang: .find(environment: ProcessInfo.processInfo.environment), includeDirectory: checkoutIncludes,
        limits: limits, toolFolders: toolFolders)
}

let checkoutIncludes = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "include").path(percentEncoded: false)

/// A module whose handler does nothing, after what `lines` declare.
func module(_ lines: String, body: String = "return RX_OK;") -> String {
    lines + "\nstatic int handle_rx(void *pkt, struct metadata *md)\n{\n" + body + "\n}\n"
}

/// Compiles what must be refused, and returns why.
func refusal(of source: String, by compiler: ModuleCompiler? = nil) async throws -> CompileError {
    let compiler = try compiler ?? makeCompiler()
    return try await #require(throws: CompileError.self) {
        try await compiler.compile(source, file: "x.c")
    }
}
