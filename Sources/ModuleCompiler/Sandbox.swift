// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The command line that runs clang where it reaches nothing but itself, libraries and headers.
///
/// `prlimit` bounds it, `bwrap` gives it a file system and namespaces of its own, `setpriv` makes it `nobody`. The
/// source comes by standard input, the object leaves by standard output.
struct Sandbox {
    /// Where things are inside. The names of the host's folders stay outside.
    static let includes = "/hover-include"
    static let resources = "/toolchain/lib/clang"

    private static let clang = "/toolchain/bin/clang"
    private static let source = "/source"
    private static let nobody = "65534"

    private let prlimit: String
    private let bubblewrap: String
    private let setpriv: String

    /// - Parameter toolFolders: where the three programs may be.
    /// - Throws: `.unavailable`, with the package that is missing.
    init(toolFolders: [String]) throws(CompileError) {
        func find(_ tool: String, package: String) throws(CompileError) -> String {
            guard
                let path = toolFolders.map({ $0 + "/" + tool })
                    .first(where: { FileManager.default.isExecutableFile(atPath: $0) })
            else {
                throw CompileError(
                    .unavailable, "sources are compiled in a sandbox, which needs \(tool): apt install \(package)")
            }
            return path
        }
        bubblewrap = try find("bwrap", package: "bubblewrap")
        prlimit = try find("prlimit", package: "util-linux")
        setpriv = try find("setpriv", package: "util-linux")
    }

    /// The program and its arguments that compile a source of the given name.
    func command(
        clang installation: ClangInstallation, includeDirectory: String, file: String, defining macros: [String],
        limits: CompileLimits
    ) -> [String] {
        [
            prlimit, "--as=\(limits.memory)", "--cpu=\(limits.seconds)", "--fsize=\(limits.object)", "--nproc=64",
            "--core=0",
        ] + [bubblewrap]
            + isolation
            + fileSystem(clang: installation, includeDirectory: includeDirectory, file: file)
            + [
                setpriv, "--reuid", Self.nobody, "--regid", Self.nobody, "--clear-groups", "--inh-caps=-all",
                "--no-new-privs", Self.clang,
            ] + Self.clangArguments + macros.map { "-D" + $0 } + [file, "-o", "-"]
    }

    private var isolation: [String] {
        [
            "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
            "--die-with-parent", "--new-session", "--clearenv",
            // What setpriv needs, and loses.
            "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID",
        ]
    }

    private func fileSystem(clang: ClangInstallation, includeDirectory: String, file: String) -> [String] {
        let libraries = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"].flatMap { ["--ro-bind-try", $0, $0] }
        // Folders that bwrap makes for a mount by itself are closed to nobody.
        let folders = ["/dev", "/usr", "/usr/bin", "/toolchain", "/toolchain/bin", "/toolchain/lib", Self.source]
            .flatMap { ["--dir", $0] }
        return folders + libraries + [
            "--ro-bind", "/usr/include", "/usr/include",
            "--ro-bind", setpriv, setpriv,
            "--ro-bind", clang.path, Self.clang,
            "--ro-bind", clang.resourceDirectory, Self.resources,
            "--ro-bind", includeDirectory, Self.includes,
            "--dev-bind", "/dev/null", "/dev/null",
            "--tmpfs", "/tmp",
            "--file", "0", Self.source + "/" + file,
            "--chdir", Self.source,
        ]
    }

    private static let clangArguments = [
        "-resource-dir", resources,
        "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-std=gnu11",
        "-fno-crash-diagnostics", "-fdebug-compilation-dir=.",
        // Sources of the original Hover use variables after the inner block that declares them has ended.
        "-Xclang", "-disable-lifetime-markers",
        "-I", includes, "-iquote", includes + "/hover", "-idirafter", "/usr/include/" + multiarch,
        "-include", "hover/iomodule.h",
        "-Wall", "-Wno-unused", "-Werror=undefined-internal",
        "-x", "c", "-c",
    ]

    /// Debian's folder for the headers of one architecture, where `asm/types.h` is.
    private static var multiarch: String {
        #if arch(arm64)
            "aarch64-linux-gnu"
        #else
            "x86_64-linux-gnu"
        #endif
    }
}

/// What one compilation may take.
struct CompileLimits {
    /// Bytes.
    var source = 1 << 20
    /// Seconds, of the clock and of the processor.
    var seconds = 10
    /// Bytes of address space.
    var memory = 2 << 30
    /// Bytes.
    var object = 16 << 20
    /// Bytes of what clang prints.
    var output = 64 << 10
}
