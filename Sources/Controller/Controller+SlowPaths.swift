// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Logging
import ModuleKit
import TypedValue

// The slow paths of built-in modules run as long as `hoverd` does and their modules are there.
extension Controller {
    /// Runs the slow path of each built-in module that has one, from its creation to its deletion, until the task is
    /// cancelled.
    public func runSlowPaths() async {
        let (starts, continuation) = AsyncStream.makeStream(of: String.self)
        await exclusively {
            self.slowPaths.starts = continuation
            for module in self.model.modules.values.sorted(by: { $0.number < $1.number }) {
                self.startSlowPath(of: module)
            }
        }
        await withDiscardingTaskGroup { group in
            for await id in starts {
                group.addTask { await self.runSlowPath(of: id) }
            }
            group.cancelAll()
        }
    }

    /// What the modules' slow paths are to know of a change that is in force.
    func tellSlowPaths(of difference: Difference) {
        for module in difference.modules {
            guard let new = module.new else {
                slowPaths.running.removeValue(forKey: module.key)?.end()
                slowPaths.published = slowPaths.published.filter { $0.key.node != module.key }
                continue
            }
            if module.old == nil {
                startSlowPath(of: new)
            } else if module.old?.config != new.config {
                slowPaths.running[new.id]?.configure(.object(new.config))
            }
        }
        tellLinks()
    }

    private func tellLinks() {
        for (id, running) in slowPaths.running {
            running.link(links(ofModule: id))
        }
    }

    /// Notes what a module says of its addresses at a port.
    func publish(_ addresses: PublishedAddresses, at port: Endpoint) {
        guard slowPaths.published[port] != addresses else { return }
        slowPaths.published[port] = addresses
        tellLinks()
    }

    private func startSlowPath(of module: ModuleRecord) {
        guard let starts = slowPaths.starts, let name = module.type, let type = try? types.type(named: name),
            type.hasSlowPath, slowPaths.running[module.id] == nil
        else { return }
        slowPaths.running[module.id] = RunningSlowPath(
            configuration: .object(module.config), links: links(ofModule: module.id))
        starts.yield(module.id)
    }

    /// Runs one slow path until its module is deleted.
    private func runSlowPath(of id: String) async {
        guard let running = slowPaths.running[id] else { return }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.repeatSlowPath(of: id) }
            await running.hasEnded()
            group.cancelAll()
        }
    }

    /// Runs a slow path, anew when it fails.
    private func repeatSlowPath(of id: String) async {
        while !Task.isCancelled, let module = model.modules[id],
            let type = module.type.flatMap({ try? types.type(named: $0) })
        {
            do {
                return try await type.run(access(to: module))
            } catch is CancellationError {
                return
            } catch {
                // While a module is deleted, its tables go before its slow path is told.
                guard await exclusively({ self.slowPaths.running[id] != nil }), !Task.isCancelled else { return }
                logger.error("the slow path of module \(module.name) failed, and begins again: \(error)")
            }
            // A fault that comes at once must not fill the log.
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// What its type can reach of a module.
    func access(to module: ModuleRecord) -> ModuleAccess {
        ModuleAccess(
            id: module.id, name: module.name, logger: logger, controller: self, dataplane: dataplane, store: store)
    }

    /// What a built-in module has learned and counted; of other modules nothing.
    public func state(ofModule reference: String, limit: Int) async throws(HoverError) -> [String: TypedValue] {
        let module = try writable(reference)
        guard let name = module.type else { return [:] }
        let type = try types.type(named: name)
        do {
            return try await type.state(of: access(to: module), limit: limit)
        } catch let error as HoverError {
            throw error
        } catch let error as DataplaneError {
            throw HoverError(error)
        } catch {
            throw HoverError(.kernel, "the state of module \(module.name): \(error)")
        }
    }

    /// What the ports of a module are linked to.
    func links(ofModule id: String) -> [Int: LinkedPort] {
        guard let module = model.modules[id], module.kind == .forward else { return [:] }
        var links: [Int: LinkedPort] = [:]
        for id in model.links(of: id) {
            guard let link = model.links[id] else { continue }
            for (here, there) in [(link.from, link.to), (link.to, link.from)] {
                guard case .port(module.id, let number) = here else { continue }
                links[number] = linkedPort(there)
            }
        }
        return links
    }

    private func linkedPort(_ end: Endpoint) -> LinkedPort? {
        switch end {
        case .port(let module, _):
            return model.modules[module].map { LinkedPort(peer: $0.name, published: slowPaths.published[end]) }
        case .interface(let name):
            // One that is not there yet is not linked.
            guard let record = model.interface(named: name) else { return nil }
            return LinkedPort(
                peer: name, mtu: Int(record.interface.mtu), address: MACAddress(record.interface.address))
        }
    }

    func running(_ id: String) -> RunningSlowPath? { slowPaths.running[id] }

    func config(ofModule id: String) -> TypedValue { .object(model.modules[id]?.config ?? [:]) }

    func table(_ name: String, ofModule id: String) throws(DataplaneError) -> ModuleTable {
        guard let module = model.modules[id] else { throw .kernel("module \(id) is gone") }
        guard let table = module.tables.first(where: { $0.name == name }) else {
            throw .configuration("module \(module.name) has no table \(name)")
        }
        return table
    }
}

/// The slow paths that run.
struct SlowPaths {
    /// Nil as long as none may run.
    var starts: AsyncStream<String>.Continuation?
    var running: [String: RunningSlowPath] = [:]
    /// What modules say of their ports.
    var published: [Endpoint: PublishedAddresses] = [:]
}

/// What a running slow path is told.
final class RunningSlowPath: Sendable {
    let configurations: Latest<TypedValue>
    let links: Latest<[Int: LinkedPort]>
    private let ending = AsyncStream.makeStream(of: Never.self)

    init(configuration: TypedValue, links: [Int: LinkedPort]) {
        configurations = Latest(configuration)
        self.links = Latest(links)
    }

    func configure(_ configuration: TypedValue) { configurations.set(configuration) }

    func link(_ links: [Int: LinkedPort]) { self.links.set(links) }

    func end() {
        ending.continuation.finish()
    }

    /// Returns when the module is deleted, or the task cancelled.
    func hasEnded() async {
        for await _ in ending.stream {}
    }
}
