// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Logging
import ModuleCompiler
import Netlink

/// The one writer. Every change is planned on the model as data, executed in the kernel with undo, kept in the store, and
/// only then in force for who asks; changes and questions wait for each other, so nobody sees half a change.
public actor Controller {
    var model: Model
    let dataplane: Dataplane
    let compiler: ModuleCompiler
    /// The built-in types.
    public nonisolated let types: ModuleCatalog
    let store: Store
    let logger: Logger
    /// The number of the last change that the store has.
    var revision = 0
    /// The number of the next module.
    var nextNumber: UInt32 = 1
    /// The number of the next link.
    var nextLinkNumber = 1
    /// The number of the next placement.
    var nextPlacementNumber = 1

    var slowPaths = SlowPaths()

    let endRequests = AsyncStream.makeStream(of: Void.self)

    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// A controller that knows of nothing before `begin()`.
    ///
    /// - Parameters:
    ///   - dataplane: used by nobody else.
    ///   - compiler: for modules that come as C source.
    ///   - types: the built-in ones.
    ///   - store: of what is to be there.
    public init(
        dataplane: Dataplane, compiler: ModuleCompiler, types: ModuleCatalog = ModuleCatalog(), store: Store,
        logger: Logger
    ) {
        self.dataplane = dataplane
        self.compiler = compiler
        self.types = types
        self.store = store
        self.logger = logger
        model = Model(readCode: store.readCode)
    }

    /// Takes in the interfaces that there are, then follows their changes until the task is cancelled.
    public func followInterfaces() async throws(HoverError) {
        let followed: (watcher: InterfaceWatcher, initial: [NetworkInterface], events: AsyncStream<[InterfaceEvent]>)
        do {
            followed = try InterfaceWatcher.start()
        } catch {
            throw HoverError(.kernel, "\(error)")
        }
        defer { followed.watcher.stop() }
        await exclusively { for interface in followed.initial { await self.takeIn(interface) } }
        for await events in followed.events {
            await exclusively { for event in events { await self.takeIn(event) } }
        }
    }

    /// Runs `body` while no other change or question runs; first come, first served.
    func exclusively<Result: Sendable, Failure: Error>(
        _ body: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        if isBusy {
            await withCheckedContinuation { waiting.append($0) }
        }
        isBusy = true
        defer {
            if waiting.isEmpty {
                isBusy = false
            } else {
                waiting.removeFirst().resume()
            }
        }
        return try await body()
    }
}

extension HoverError {
    init(_ error: DataplaneError) {
        switch error {
        case .notAModule(let reason): self.init(.object, reason)
        case .configuration(let reason): self.init(.invalid, reason)
        case .notLinked(let reason): self.init(.conflict, reason)
        case .kernel(let reason): self.init(.kernel, reason)
        case .verifier(let error):
            let place = error.location.map {
                // Clang notes a file's place from the folder that it ran in, "." in the sandbox.
                SourceDiagnostic(
                    file: $0.file.hasPrefix("./") ? String($0.file.dropFirst(2)) : $0.file, line: $0.line,
                    column: $0.column, severity: "error", message: error.summary)
            }
            self.init(
                .verifier, "the kernel's verifier refused the module: \(error.summary)",
                diagnostics: place.map { [$0] } ?? [], log: error.log)
        }
    }

    init(_ error: CompileError) {
        let places = error.diagnostics.map {
            SourceDiagnostic(
                file: $0.file, line: $0.line, column: $0.column, severity: $0.severity, message: $0.message)
        }
        let kind: Kind =
            switch error.kind {
            case .sourceTooLarge: .tooLarge
            case .unavailable, .cancelled: .kernel
            default: .compile
            }
        self.init(kind, error.message, diagnostics: places, log: error.output)
    }
}
