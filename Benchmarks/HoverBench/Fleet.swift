// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TestSupport
import TypedValue

/// Many modules in rings of ten, each linked twice to the one before and the one after: two links a module. Some rings
/// have an interface besides.
struct Fleet {
    private static let ring = 10
    /// The ports that the links of a ring take.
    private static let ports = 4
    static let interfaces = ["veth1", "veth2", "veth3", "veth4"]

    var modules: [ModuleRequest]
    var links: [LinkRequest]

    var manifest: Manifest { Manifest(modules: modules, links: links) }

    /// - Parameter count: of modules, a multiple of ten.
    init(_ count: Int) throws {
        // Half of them trivial, a quarter with tables, a quarter with a configuration.
        let sources = try ["forward.c", "fifty.c", "forward.c", "configured.c"].map { (file: $0, text: try source($0)) }
        modules = (0..<count).map { index in
            let code = sources[index % sources.count]
            return ModuleRequest(
                name: Self.name(index), type: "bpf/forward", source: code.text, file: code.file, ports: Self.ports,
                config: code.file == "configured.c" ? ["longest": .unsigned(UInt64(9000))] : [:])
        }
        links = []
        for index in 0..<count {
            let next = index % Self.ring == Self.ring - 1 ? index + 1 - Self.ring : index + 1
            for (port, other) in [(1, 2), (3, 4)] {
                links.append(
                    LinkRequest(
                        from: LinkEnd(node: Self.name(index), port: port),
                        to: LinkEnd(node: Self.name(next), port: other)))
            }
        }
        for (ring, interface) in Self.interfaces.enumerated() where ring * Self.ring < count {
            links.append(
                LinkRequest(
                    from: LinkEnd(node: "i:" + interface),
                    to: LinkEnd(node: Self.name(ring * Self.ring), port: Self.ports + 1)))
        }
    }

    /// Makes the interfaces in `hoverd`'s namespace.
    static func addHosts(to network: Network) async throws {
        for interface in interfaces {
            try await network.addHost(interface)
        }
    }

    /// Only one module, with another configuration.
    func reconfigured(longest: Int) -> Manifest {
        change { $0.config = ["longest": .unsigned(UInt64(longest))] }
    }

    /// Only one module, with code that nobody has compiled before.
    func recoded(_ round: Int) -> Manifest {
        change { $0.source = ($0.source ?? "") + "\n// \(round)\nstatic const int hover_bench_round = \(round);\n" }
    }

    /// Only one module, unchanged, and one link more of it.
    func linked(_ round: Int) -> Manifest {
        let ends = [0, 1].map { LinkEnd(node: modules[$0].name, port: Self.ports + 1 + round) }
        return Manifest(modules: [modules[0]], links: [LinkRequest(from: ends[0], to: ends[1])])
    }

    private func change(_ body: (inout ModuleRequest) -> Void) -> Manifest {
        var module = modules[3]
        body(&module)
        return Manifest(modules: [module])
    }

    private static func name(_ index: Int) -> String { "module-\(index + 1)" }
}
