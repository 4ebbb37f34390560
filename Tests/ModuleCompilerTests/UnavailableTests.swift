// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import ModuleCompiler

@Suite struct UnavailableTests {
    /// A folder of the test's own, removed at its end.
    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "hover-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private func makeProgram(_ path: URL, script: String = "exit 3") throws {
        try FileManager.default.createDirectory(
            at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("#!/bin/sh\n\(script)\n".utf8).write(to: path)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path.path())
    }

    @Test(arguments: [("bwrap", "bubblewrap"), ("prlimit", "util-linux"), ("setpriv", "util-linux")])
    func aMissingToolIsNamedWithItsPackage(tool: String, package: String) async throws {
        try await withFolder { folder in
            for other in ["bwrap", "prlimit", "setpriv"] where other != tool {
                try makeProgram(folder.appending(path: other))
            }
            let error = try await refusal(of: module(""), by: makeCompiler(toolFolders: [folder.path()]))
            #expect(error.kind == .unavailable)
            #expect(error.message.contains(tool))
            #expect(error.message.hasSuffix("apt install \(package)"))
        }
    }

    @Test func whatTheSandboxSaysIsTold() async throws {
        try await withFolder { folder in
            for tool in ["bwrap", "prlimit", "setpriv"] {
                try makeProgram(folder.appending(path: tool), script: "echo 'bwrap: no namespaces here' >&2; exit 1")
            }
            let error = try await refusal(of: module(""), by: makeCompiler(toolFolders: [folder.path()]))
            #expect(error.kind == .unavailable)
            #expect(error.message.contains("bwrap: no namespaces here"))
        }
    }

    @Test func clangIsTakenFromTheEnvironment() throws {
        let found = try ClangInstallation.find(environment: ["PATH": "/usr/bin:/bin"])
        #expect(try ClangInstallation.find(environment: ["HOVER_CLANG": found.path]) == found)
        #expect(throws: CompileError.self) {
            try ClangInstallation.find(environment: ["HOVER_CLANG": "/nowhere/clang"])
        }
    }

    @Test func theClangBesideSwiftComesFirst() async throws {
        try await withFolder { folder in
            for program in ["usr/bin/swift", "usr/bin/clang", "other/clang"] {
                try makeProgram(folder.appending(path: program))
            }
            let headers = folder.appending(path: "usr/lib/clang/9/include")
            let newer = folder.appending(path: "usr/lib/clang/21/include")
            for place in [headers, newer] {
                try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
                try Data().write(to: place.appending(path: "stddef.h"))
            }
            let path = "\(folder.path())/other:\(folder.path())/usr/bin"
            let found = try ClangInstallation.find(environment: ["PATH": path])
            #expect(found.path.hasSuffix("/usr/bin/clang"))
            #expect(found.resourceDirectory.hasSuffix("/lib/clang/21"))
        }
    }

    @Test func aClangWithoutItsHeadersIsRefused() async throws {
        try await withFolder { folder in
            try makeProgram(folder.appending(path: "bin/clang"))
            let error = try #require(throws: CompileError.self) {
                try ClangInstallation(path: folder.path() + "/bin/clang")
            }
            #expect(error.kind == .unavailable)
            #expect(error.message.contains("lib/clang"))
        }
    }

    @Test func headersAreTakenFromTheEnvironment() throws {
        #expect(try findIncludeDirectory(environment: ["HOVER_INCLUDE": checkoutIncludes]) == checkoutIncludes)
        let error = try #require(throws: CompileError.self) {
            try findIncludeDirectory(environment: ["HOVER_INCLUDE": "/nowhere"])
        }
        #expect(error.message == "HOVER_INCLUDE is /nowhere, where there is no hover/iomodule.h")
    }

    @Test func headersAreFoundFromTheProgram() throws {
        let found = try findIncludeDirectory(environment: [:])
        #expect(FileManager.default.fileExists(atPath: found + "/hover/iomodule.h"))
    }
}
