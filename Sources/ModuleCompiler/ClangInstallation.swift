// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A clang on this host.
public struct ClangInstallation: Sendable, Hashable {
    /// The program itself, symbolic links followed.
    public let path: String
    /// The folder that holds clang's own `include`.
    public let resourceDirectory: String

    /// Takes the clang at a path.
    ///
    /// - Throws: `.unavailable` if there is none, or its own headers are not beside it.
    public init(path: String) throws(CompileError) {
        let resolved = URL(filePath: path).resolvingSymlinksInPath()
        guard FileManager.default.isExecutableFile(atPath: resolved.path(percentEncoded: false)) else {
            throw CompileError(.unavailable, "\(path) is no program: set HOVER_CLANG to the path of a clang")
        }
        let prefix = resolved.deletingLastPathComponent().deletingLastPathComponent()
        guard let resources = Self.newestVersion(in: prefix.appending(path: "lib/clang")) else {
            throw CompileError(
                .unavailable,
                "clang's own headers are not in \(prefix.path(percentEncoded: false))lib/clang: "
                    + "set HOVER_CLANG to a clang that is installed whole")
        }
        self.path = resolved.path(percentEncoded: false)
        self.resourceDirectory = resources
    }

    /// Finds the clang of the Swift toolchain, or else another one: `$HOVER_CLANG`, the one beside `swift` in `$PATH`,
    /// `/opt/swift/usr/bin/clang`, `clang` in `$PATH`. That it has the eBPF target shows when it first compiles.
    ///
    /// - Throws: `.unavailable`.
    public static func find(environment: [String: String]) throws(CompileError) -> ClangInstallation {
        if let path = environment["HOVER_CLANG"], !path.isEmpty {
            return try ClangInstallation(path: path)
        }
        let folders = (environment["PATH"] ?? "").split(separator: ":").map(String.init)
        let besideSwift = folders.filter { isProgram($0 + "/swift") }.map { folder in
            URL(filePath: folder + "/swift").resolvingSymlinksInPath().deletingLastPathComponent()
                .path(percentEncoded: false) + "clang"
        }
        let candidates = besideSwift + ["/opt/swift/usr/bin/clang"] + folders.map { $0 + "/clang" }
        guard let path = candidates.first(where: isProgram) else {
            throw CompileError(
                .unavailable,
                "there is no clang beside swift, in /opt/swift/usr/bin or in PATH: install the Swift toolchain, "
                    + "or set HOVER_CLANG to the path of a clang")
        }
        return try ClangInstallation(path: path)
    }

    private static func isProgram(_ path: String) -> Bool {
        FileManager.default.isExecutableFile(atPath: path)
    }

    private static func newestVersion(in folder: URL) -> String? {
        let path = folder.path(percentEncoded: false)
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return versions.sorted { $0.compare($1, options: .numeric) == .orderedDescending }
            .map { path + "/" + $0 }
            .first { FileManager.default.fileExists(atPath: $0 + "/include/stddef.h") }
    }
}

/// Finds the folder of the headers that modules include: `$HOVER_INCLUDE`, else, beside the running program,
/// `../include` or `../share/hover/include` (as installed), else `include` in a folder above it (in a checkout).
///
/// - Throws: `.unavailable`.
public func findIncludeDirectory(environment: [String: String]) throws(CompileError) -> String {
    if let path = environment["HOVER_INCLUDE"], !path.isEmpty {
        guard holdsHeaders(path) else {
            throw CompileError(.unavailable, "HOVER_INCLUDE is \(path), where there is no hover/iomodule.h")
        }
        return path
    }
    let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    let prefix = program.deletingLastPathComponent()
    var candidates = [prefix.appending(path: "include"), prefix.appending(path: "share/hover/include")]
    var folder = program
    while folder.pathComponents.count > 1 {
        folder.deleteLastPathComponent()
        candidates.append(folder.appending(path: "include"))
    }
    guard let found = candidates.map({ $0.path(percentEncoded: false) }).first(where: holdsHeaders) else {
        throw CompileError(
            .unavailable,
            "hover/iomodule.h is not in \(prefix.path(percentEncoded: false))include nor in an include folder above: "
                + "set HOVER_INCLUDE to the folder that holds hover/")
    }
    return found
}

private func holdsHeaders(_ folder: String) -> Bool {
    FileManager.default.fileExists(atPath: folder + "/hover/iomodule.h")
}
