// SPDX-License-Identifier: Apache-2.0

import Foundation
import PackagePlugin

/// Compiles each `*.bpf.c` of a target at build time and embeds the eBPF object in the target as
/// `enum <Name>Object { static let bytes: [UInt8] }`, so that the daemon needs neither clang nor headers for it.
@main
struct CompileDataplane: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let clang = try context.tool(named: "clang").url
        let embed = try context.tool(named: "EmbedDataplane").url
        let includes = context.package.directoryURL.appending(path: "include")
        let headers = try FileManager.default
            .contentsOfDirectory(at: includes.appending(path: "hover"), includingPropertiesForKeys: nil)
        let sources = try FileManager.default
            .contentsOfDirectory(at: target.directoryURL, includingPropertiesForKeys: nil)
            .filter { $0.lastPathComponent.hasSuffix(".bpf.c") }

        return sources.map { source in
            let name = source.lastPathComponent.dropLast(".bpf.c".count)
            let output = context.pluginWorkDirectoryURL.appending(path: "\(name.capitalized)Object.swift")
            return .buildCommand(
                displayName: "Compiling \(source.lastPathComponent) to eBPF",
                executable: embed,
                arguments: [clang.path(), includes.path(), source.path(), output.path()],
                inputFiles: [source] + headers,
                outputFiles: [output])
        }
    }
}
