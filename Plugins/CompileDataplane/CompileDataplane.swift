// SPDX-License-Identifier: Apache-2.0

import Foundation
import PackagePlugin

/// Compiles each `*.bpf.c` of a target at build time and embeds the eBPF object in the target, so that the daemon needs
/// neither clang nor headers for it: as `enum <Name>Object { static let bytes: [UInt8] }`, or, for IO Modules under
/// `Sources/Modules`, as `enum <Name>Code { static let objects: ModuleObjects }`, compiled for each hook.
@main
struct CompileDataplane: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let clang = try context.tool(named: "clang").url
        let embed = try context.tool(named: "EmbedDataplane").url
        let includes = context.package.directoryURL.appending(path: "include")
        let isModule = target.directoryURL.pathComponents.contains("Modules")
        let files = try FileManager.default
            .contentsOfDirectory(at: target.directoryURL, includingPropertiesForKeys: nil)
        let headers =
            try FileManager.default
            .contentsOfDirectory(at: includes.appending(path: "hover"), includingPropertiesForKeys: nil)
            + files.filter { $0.pathExtension == "h" }

        return files.filter { $0.lastPathComponent.hasSuffix(".bpf.c") }.map { source in
            let name = source.lastPathComponent.dropLast(".bpf.c".count).capitalized
            let output = context.pluginWorkDirectoryURL.appending(
                path: "\(name)\(isModule ? "Code" : "Object").swift")
            return .buildCommand(
                displayName: "Compiling \(source.lastPathComponent) to eBPF",
                executable: embed,
                arguments: [
                    isModule ? "module" : "object", clang.path(), includes.path(), source.path(), output.path(),
                ],
                inputFiles: [source] + headers,
                outputFiles: [output])
        }
    }
}
