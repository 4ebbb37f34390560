// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BPF
import Controller
import Dataplane
import Foundation
import HoverAPI
import Logging
import ModuleCompiler
import RESTServer
import ServiceLifecycle
import UnixSignals

/// Everything that a running `hoverd` is made of.
struct Daemon {
    let runFolder: String
    let pinFolder: String
    let listen: [ListenAddress]
    let logger: Logger

    func run() async throws {
        try Host.checkCapabilities()
        // Its owner's alone: who can reach the socket can load programs into the kernel.
        try FileManager.default.createDirectory(
            atPath: runFolder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let runLock = try ProcessLock(path: runFolder + "/hoverd.lock")
        try Host.prepare(pinFolder: pinFolder)
        let pinLock = try ProcessLock(path: pinFolder)
        let environment = ProcessInfo.processInfo.environment
        let compiler = ModuleCompiler(
            clang: try ClangInstallation.find(environment: environment),
            includeDirectory: try findIncludeDirectory(environment: environment))
        let dataplane = try Dataplane(layout: PinLayout(root: pinFolder), logger: logger)
        let controller = Controller(dataplane: dataplane, compiler: compiler, logger: logger)

        // Without a store there is nothing to adopt them for.
        try await controller.shutDown()
        try await dataplane.prepare()
        try await serve(controller)
        try await controller.shutDown()
        try Host.release(pinFolder: pinFolder)
        withExtendedLifetime((runLock, pinLock)) {}
        logger.info("stopped; nothing of this hoverd is left in the kernel")
    }

    private func serve(_ controller: Controller) async throws {
        let socket = runFolder + "/hover.sock"
        let server = RESTServer(controller: controller, version: hoverVersion, logger: logger)
        var services: [any Service] = [
            InterfaceFollower(controller: controller), ModuleLogFollower(controller: controller),
        ]
        services.append(server.application(address: .unixDomainSocket(path: socket)))
        services += listen.map { server.application(address: .hostname($0.host, port: $0.port)) }
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0) },
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        defer { unlink(socket) }
        try await group.run()
    }
}

/// Keeps the controller's picture of the interfaces true while `hoverd` runs.
struct InterfaceFollower: Service {
    let controller: Controller

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await controller.followInterfaces()
        }
    }
}

/// Brings the lines of modules into the log.
struct ModuleLogFollower: Service {
    let controller: Controller

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await controller.followModuleLog()
        }
    }
}

/// A TCP address of `--listen`. Only loopback: there is no authentication on it yet.
struct ListenAddress: ExpressibleByArgument {
    let host: String
    let port: Int

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"), let port = Int(argument[argument.index(after: colon)...]),
            (0...65535).contains(port)
        else { return nil }
        let host = argument[..<colon].trimmingCharacters(in: ["[", "]"])
        guard host == "localhost" || host == "::1" || host.hasPrefix("127.") else { return nil }
        self.host = host
        self.port = port
    }
}
