// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Controller
import Dataplane
import HoverAPI
import Logging
import ModuleCompiler
import RESTServer
import ServiceLifecycle
import UnixSignals

@main
struct Hoverd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hoverd",
        abstract: "The control and management plane for IO Modules.",
        discussion: "hoverd serves its API on a Unix socket in its run folder, and keeps what it loads in the kernel "
            + "under a folder on a bpffs. What is there goes on when hoverd ends, and is taken over by the next one. It needs root, or the capabilities that it names when they are missing.",
        version: hoverVersion)

    @Option(name: .customLong("run-dir"), help: "The folder of the socket, hover.sock.")
    var runFolder = "/run/hover"

    @Option(name: .customLong("bpffs"), help: "The folder for pins, on a bpffs.")
    var pinFolder = "/sys/fs/bpf/hover"

    @Option(name: .customLong("state-dir"), help: "The folder of the store, hover.db.")
    var stateFolder = "/var/lib/hover"

    @Flag(name: .customLong("down"), help: "Remove all that hover has in the kernel, and end. The store stays.")
    var isDown = false

    @Option(help: "How many seconds clang may take for an uploaded source; more on slow machines.")
    var compileSeconds = 10

    @Option(help: "Serve the API on a loopback address too, like 127.0.0.1:5002 or [::1]:5002.")
    var listen: [ListenAddress] = []

    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning or error.")
    var logLevel: Logger.Level = .info

    func validate() throws {
        guard (1...3600).contains(compileSeconds) else {
            throw ValidationError("--compile-seconds is \(compileSeconds), and can be 1 to 3600.")
        }
    }

    func run() async throws {
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        var logger = Logger(label: "hoverd")
        logger.logLevel = logLevel
        let daemon = Daemon(
            runFolder: runFolder, pinFolder: pinFolder, stateFolder: stateFolder, listen: listen,
            compileSeconds: compileSeconds, isDown: isDown,
            logger: logger)
        try await daemon.run()
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
