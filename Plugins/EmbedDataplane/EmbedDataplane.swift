// SPDX-License-Identifier: Apache-2.0

import Foundation

/// `EmbedDataplane object|module CLANG INCLUDES SOURCE.bpf.c OUTPUT.swift`: compiles the source and writes the object, or
/// an IO Module's objects for each hook, as Swift.
@main
struct EmbedDataplane {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 6, ["object", "module"].contains(arguments[1]) else {
            throw Failure(description: "usage: EmbedDataplane object|module CLANG INCLUDES SOURCE OUTPUT")
        }
        let output = URL(filePath: arguments[5])
        let compilation = Compilation(
            clang: URL(filePath: arguments[2]), includes: arguments[3], source: URL(filePath: arguments[4]))
        let object = output.deletingPathExtension().appendingPathExtension("o")
        let type = output.deletingPathExtension().lastPathComponent
        let text =
            if arguments[1] == "module" {
                try moduleSwift(type: type, compilation, object: object)
            } else {
                objectSwift(type: type, compilation, bytes: try compilation.run(to: object))
            }
        try text.write(to: output, atomically: true, encoding: .utf8)
    }

    private static func objectSwift(type: String, _ compilation: Compilation, bytes: Data) -> String {
        """
        /// The eBPF object of `\(compilation.source.lastPathComponent)`, compiled when Hover was built.
        enum \(type) {
            static let bytes = [UInt8](
                base64: \(literal(bytes)))
        }
        \(decoder)
        """
    }

    /// An IO Module is compiled as `ModuleCompiler` compiles uploaded ones.
    private static func moduleSwift(type: String, _ compilation: Compilation, object: URL) throws -> String {
        var flags = ["-include", "hover/iomodule.h", "-Wno-unused", "-Xclang", "-disable-lifetime-markers"]
        if try String(contentsOf: compilation.source, encoding: .utf8).contains("handle_tx(") {
            flags.append("-DHOVER_HANDLE_TX")
        }
        let tc = try compilation.run(to: object, flags)
        let xdp = try compilation.run(to: object, flags + ["-DHOVER_XDP"])
        return """
            import Dataplane

            /// The eBPF objects of `\(compilation.source.lastPathComponent)`, compiled when Hover was built.
            enum \(type) {
                /// Decoded each time: they are up to a megabyte, and needed when a module is made.
                static var objects: ModuleObjects {
                    ModuleObjects(
                        tc: [UInt8](
                            base64: \(literal(tc))),
                        xdp: [UInt8](
                            base64: \(literal(xdp))))
                }
            }
            \(decoder)
            """
    }

    /// A string, for the compiler takes minutes over an array of that many numbers.
    private static func literal(_ bytes: Data) -> String { "\"\(bytes.base64EncodedString())\"" }

    private static let decoder = """
        import Foundation

        extension [UInt8] {
            /// What was encoded when Hover was built.
            fileprivate init(base64 text: String) {
                self = Data(base64Encoded: text).map { Array($0) } ?? []
            }
        }

        """
}

/// One source, and what compiles it.
struct Compilation {
    var clang: URL
    var includes: String
    var source: URL

    /// Compiles to an object file, and gives its bytes.
    func run(to object: URL, _ flags: [String] = []) throws -> Data {
        let process = Process()
        process.executableURL = clang
        process.arguments =
            [
                "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror", "-std=gnu11",
                // Paths of the build machine stay out of the object.
                "-ffile-prefix-map=\(source.deletingLastPathComponent().path())=", "-fdebug-compilation-dir=.",
                "-I", includes, "-idirafter", "/usr/include/\(multiarch)", "-include", "stdbool.h",
            ] + flags + ["-c", source.path(), "-o", object.path()]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "clang could not compile \(source.path())")
        }
        return try Data(contentsOf: object)
    }

    /// Debian's folder for the headers of one architecture, where `asm/types.h` is.
    private var multiarch: String {
        #if arch(arm64)
            "aarch64-linux-gnu"
        #else
            "x86_64-linux-gnu"
        #endif
    }
}

/// Why a data plane could not be embedded.
struct Failure: Error, CustomStringConvertible {
    var description: String
}
