// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HoverAPI
import ModuleCompiler
import TestSupport

/// Whether a link costs the same however much else there is.
struct ScaleBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale", abstract: "ms a link, 1,000 modules into 500 chains: the last 100 beside the first.")

    @Option(help: "Chains of two modules.")
    var chains = 500

    func run() async throws {
        var created: [Double] = []
        var linked: [Double] = []
        try await HoverDaemon.with { daemon in
            let environment = ProcessInfo.processInfo.environment
            let compiler = ModuleCompiler(
                clang: try ClangInstallation.find(environment: environment),
                includeDirectory: try findIncludeDirectory(environment: environment))
            let object = try await compiler.compile(try source("forward.c"), file: "forward.c").object
            let encoded = Data(object).base64EncodedString()
            var modules: [String] = []
            for number in 1...2 * chains {
                let request = ModuleRequest(name: "m\(number)", type: "bpf/forward", object: encoded, ports: 2)
                let made = try await timed { try await daemon.client.createModule(request) }
                modules.append(made.result.id)
                created.append(made.milliseconds)
            }
            for chain in 0..<chains {
                let link = try await timed {
                    try await daemon.client.createLink(
                        from: LinkEnd(node: modules[2 * chain], port: 2),
                        to: LinkEnd(node: modules[2 * chain + 1], port: 1))
                }
                linked.append(link.milliseconds)
            }
        }
        var report = Report(bench: "scale", ours: "last 100", peer: "first 100")
        report.add(
            "\(chains) links, median of each", ours: median(Array(linked.suffix(100))),
            peer: median(Array(linked.prefix(100))), unit: "ms", better: .lower, bar: .ratio(1.5))
        report.add(
            "\(2 * chains) modules, median of each", ours: median(Array(created.suffix(100))),
            peer: median(Array(created.prefix(100))), unit: "ms", better: .lower)
        try report.finish()
    }
}
