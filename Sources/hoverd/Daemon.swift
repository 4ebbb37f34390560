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
    let stateFolder: String
    let listen: [ListenAddress]
    /// How long clang may take for one source.
    let compileSeconds: Int
    /// Remove everything, and serve nobody.
    let isDown: Bool
    let logger: Logger

    func run() async throws {
        try Host.checkCapabilities()
        // Its owner's alone: who can reach the socket can load programs into the kernel.
        try FileManager.default.createDirectory(
            atPath: runFolder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let runLock = try ProcessLock(path: runFolder + "/hoverd.lock")
        try Host.prepare(pinFolder: pinFolder)
        Host.kernelLimits().forEach { logger.notice("\($0)") }
        let pinLock = try ProcessLock(path: pinFolder)
        let environment = ProcessInfo.processInfo.environment
        let compiler = ModuleCompiler(
            clang: try ClangInstallation.find(environment: environment),
            includeDirectory: try findIncludeDirectory(environment: environment), seconds: compileSeconds)
        let dataplane = try Dataplane(layout: PinLayout(root: pinFolder), logger: logger)
        let (store, storeLock) = try openStore()
        let controller = Controller(
            dataplane: dataplane, compiler: compiler, types: .builtIn, store: store, logger: logger)
        if isDown {
            try await takeDown(controller)
        } else {
            try await controller.begin()
            FaultPoint.arm()
            if try await serve(controller) == .takenDown {
                try await takeDown(controller)
            } else {
                logger.info("stopped; what is in the kernel runs on (`hoverctl down` would remove it)")
            }
        }
        withExtendedLifetime((runLock, pinLock, storeLock)) {}
    }

    private func openStore() throws -> (Store, ProcessLock) {
        try FileManager.default.createDirectory(
            atPath: stateFolder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let lock = try ProcessLock(path: stateFolder)
        let store = try Store(path: stateFolder + "/hover.db")
        if let damaged = store.damaged {
            logger.error(
                """
                the store was damaged, and is kept as \(damaged): this hoverd begins with an empty one; what runs in the \
                kernel runs on
                """)
        }
        return (store, lock)
    }

    private func takeDown(_ controller: Controller) async throws {
        try await controller.clear()
        try Host.release(pinFolder: pinFolder)
        logger.info("nothing of hover is left in the kernel; the store in \(stateFolder) stays")
    }

    private enum End { case stopped, takenDown }

    private func serve(_ controller: Controller) async throws -> End {
        let socket = runFolder + "/hover.sock"
        let server = RESTServer(controller: controller, version: hoverVersion, logger: logger)
        var services: [any Service] = [
            InterfaceFollower(controller: controller), ModuleLogFollower(controller: controller),
            SlowPathRunner(controller: controller),
        ]
        let (listening, isListening) = AsyncStream<Void>.makeStream()
        services += listen.map {
            server.listener(on: .tcp(host: $0.host, port: $0.port), onListening: { isListening.yield() })
        }
        services.append(
            LastService(service: server.listener(on: .socket(path: socket)), others: listening, count: listen.count))
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0) },
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        defer { unlink(socket) }
        return try await withThrowingTaskGroup(of: End.self) { tasks in
            tasks.addTask {
                try await group.run()
                return .stopped
            }
            tasks.addTask {
                await controller.wishToEnd()
                return .takenDown
            }
            defer { tasks.cancelAll() }
            guard try await tasks.next() == .takenDown, !Task.isCancelled else { return .stopped }
            await group.triggerGracefulShutdown()
            _ = try await tasks.next()
            return .takenDown
        }
    }
}

/// Begins a service when others have begun: who finds `hoverd`'s socket finds its TCP addresses too.
struct LastService: Service {
    let service: any Service
    /// Has an element for each of the others, as it begins.
    let others: AsyncStream<Void>
    let count: Int

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in others.prefix(count) {}
        }
        guard !Task.isCancelled, !Task.isShuttingDownGracefully else { return }
        try await service.run()
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

/// Runs the slow paths of built-in modules.
struct SlowPathRunner: Service {
    let controller: Controller

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await controller.runSlowPaths()
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
