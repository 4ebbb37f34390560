// SPDX-License-Identifier: Apache-2.0

import Foundation

/// `EmbedDataplane CLANG INCLUDES SOURCE.bpf.c OUTPUT.swift`: compiles the source and writes the object as Swift.
@main
struct EmbedDataplane {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5 else {
            throw Failure(description: "usage: EmbedDataplane CLANG INCLUDES SOURCE OUTPUT")
        }
        let source = URL(filePath: arguments[3])
        let output = URL(filePath: arguments[4])
        let object = output.deletingPathExtension().appendingPathExtension("o")
        try compile(source, to: object, clang: URL(filePath: arguments[1]), includes: arguments[2])
        let type = output.deletingPathExtension().lastPathComponent
        try swift(type: type, source: source.lastPathComponent, object: Data(contentsOf: object))
            .write(to: output, atomically: true, encoding: .utf8)
    }

    static func compile(_ source: URL, to object: URL, clang: URL, includes: String) throws {
        let process = Process()
        process.executableURL = clang
        process.arguments = [
            "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror", "-std=gnu11",
            // Paths of the build machine stay out of the object.
            "-ffile-prefix-map=\(source.deletingLastPathComponent().path())=", "-fdebug-compilation-dir=.",
            "-I", includes, "-idirafter", "/usr/include/\(multiarch)", "-include", "stdbool.h",
            "-c", source.path(), "-o", object.path(),
        ]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "clang could not compile \(source.path())")
        }
    }

    /// Debian's folder for the headers of one architecture, where `asm/types.h` is.
    static var multiarch: String {
        #if arch(arm64)
            "aarch64-linux-gnu"
        #else
            "x86_64-linux-gnu"
        #endif
    }

    static func swift(type: String, source: String, object: Data) -> String {
        let rows = stride(from: 0, to: object.count, by: 24).map { start in
            "        " + object[start..<min(start + 24, object.count)].map { "\($0)," }.joined()
        }
        return """
            /// The eBPF object of `\(source)`, compiled when Hover was built.
            enum \(type) {
                static let bytes: [UInt8] = [
            \(rows.joined(separator: "\n"))
                ]
            }
            """
    }
}

/// Why a data plane could not be embedded.
struct Failure: Error, CustomStringConvertible {
    var description: String
}
