// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
]

/// An IO Module that Hover brings along: its data plane `<name>.bpf.c`, its control plane and slow path, and its README.
func module(_ name: String, also dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name + "Module",
        dependencies: ["ModuleKit", "Dataplane", "TypedValue", .product(name: "Logging", package: "swift-log")]
            + dependencies,
        path: "Sources/Modules/\(name)",
        exclude: ["README.md", name.lowercased() + ".bpf.c"],
        swiftSettings: strict,
        plugins: ["CompileDataplane"])
}

let modules = [
    module("Counter"), module("DHCP"), module("DPI", also: ["CNDPI"]), module("Firewall"), module("NAT"),
    module("Null"), module("OneToOneNAT"),
    module("Router", also: ["Netlink"]), module("Switch"),
]
let moduleDependencies = modules.map { Target.Dependency(stringLiteral: $0.name) }

let package = Package(
    name: "hover",
    products: [
        .executable(name: "hoverd", targets: ["hoverd"]),
        .executable(name: "hoverctl", targets: ["hoverctl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: modules + [
        // System libraries and shims, no logic.
        .systemLibrary(name: "CLibBPF", pkgConfig: "libbpf", providers: [.apt(["libbpf-dev"])]),
        .target(name: "CNDPI", linkerSettings: [.linkedLibrary("ndpi")]),
        .systemLibrary(name: "CNetlink", pkgConfig: "libnl-route-3.0", providers: [.apt(["libnl-route-3-dev"])]),

        // The kernel, typed.
        .target(name: "TypedValue", swiftSettings: strict),
        .target(name: "BPF", dependencies: ["CLibBPF", "TypedValue"], swiftSettings: strict),
        .target(name: "Netlink", dependencies: ["CNetlink"], swiftSettings: strict),

        // C source to eBPF object.
        .target(
            name: "ModuleCompiler",
            dependencies: [.product(name: "Subprocess", package: "swift-subprocess")],
            swiftSettings: strict),
        .executableTarget(name: "EmbedDataplane", path: "Plugins/EmbedDataplane", swiftSettings: strict),
        .plugin(name: "CompileDataplane", capability: .buildTool(), dependencies: ["EmbedDataplane"]),

        .target(
            name: "Dataplane",
            dependencies: [
                "BPF", "Netlink", "TypedValue",
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["interface.bpf.c", "dispatch.bpf.c", "xdp.bpf.c", "finish.bpf.c", "xdpfinish.bpf.c"],
            swiftSettings: strict,
            plugins: ["CompileDataplane"]),
        .target(
            name: "ModuleKit",
            dependencies: ["Dataplane", "TypedValue", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),
        .target(
            name: "Controller",
            dependencies: [
                "Dataplane", "ModuleKit", "ModuleCompiler", "BPF", "Netlink", "TypedValue",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),

        // Northbound.
        .target(name: "HoverAPI", dependencies: ["TypedValue"], swiftSettings: strict),
        .target(
            name: "APIClient",
            dependencies: [
                "HoverAPI", "TypedValue",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .target(
            name: "RESTServer",
            dependencies: [
                "Controller", "Dataplane", "HoverAPI", "TypedValue",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "hoverd",
            dependencies: [
                "RESTServer", "Controller", "Dataplane", "BPF", "HoverAPI", "ModuleCompiler", "ModuleKit",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
            ] + moduleDependencies,
            swiftSettings: strict),
        .executableTarget(
            name: "hoverctl",
            dependencies: [
                "APIClient", "HoverAPI", "TypedValue",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),

        // Tests and benches.
        .target(
            name: "TestSupport",
            dependencies: [
                "APIClient", "BPF", "HoverAPI", "TypedValue", .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            path: "Tests/TestSupport", swiftSettings: strict),
        .executableTarget(
            name: "HoverBench",
            dependencies: [
                "APIClient", "BPF", "Dataplane", "HoverAPI", "ModuleCompiler", "ModuleKit", "TestSupport", "TypedValue",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Benchmarks/HoverBench",
            exclude: [
                "hops.bpf.c", "bare.bpf.c", "redirect.bpf.c", "deliver.bpf.c", "configured.c", "forward.c", "fifty.c",
                "flood.c", "punt.c",
            ],
            swiftSettings: strict,
            plugins: ["CompileDataplane"]),
        .testTarget(name: "ModuleKitTests", dependencies: ["ModuleKit", "TypedValue"], swiftSettings: strict),
        .testTarget(name: "TypedValueTests", dependencies: ["TypedValue"], swiftSettings: strict),
        .testTarget(
            name: "BPFTests", dependencies: ["BPF", "TypedValue"], resources: [.copy("Fixtures")],
            swiftSettings: strict),
        .testTarget(name: "NetlinkTests", dependencies: ["Netlink"], swiftSettings: strict),
        .testTarget(name: "ModuleCompilerTests", dependencies: ["ModuleCompiler"], swiftSettings: strict),
        .target(
            name: "HelperReference", path: "Tests/HelperReference",
            cSettings: [.headerSearchPath("../../include")]),
        .testTarget(
            name: "HelperTests", dependencies: ["BPF", "HelperReference", "ModuleCompiler", "TestSupport"],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(
            name: "DataplaneTests",
            dependencies: [
                "Dataplane", "BPF", "ModuleCompiler", "TestSupport", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ControllerTests", dependencies: ["Controller", "Dataplane", "Netlink"], swiftSettings: strict),
        .testTarget(
            name: "RESTServerTests",
            dependencies: [
                "RESTServer", "HoverAPI", .product(name: "HummingbirdTesting", package: "hummingbird"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "APIClientTests",
            dependencies: [
                "APIClient", "HoverAPI", "TypedValue",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "HoverctlTests",
            dependencies: [
                "hoverctl", "APIClient", "HoverAPI", "TypedValue",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ModuleTests",
            dependencies: [
                "CNDPI", "hoverd", "hoverctl", "APIClient", "HoverAPI", "ModuleKit", "Dataplane", "BPF", "Netlink",
                "TestSupport", "TypedValue", .product(name: "Logging", package: "swift-log"),
            ] + moduleDependencies,
            swiftSettings: strict),
        .testTarget(
            name: "HoverdTests",
            dependencies: ["hoverd", "hoverctl", "APIClient", "BPF", "HoverAPI", "TypedValue", "TestSupport"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
