// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Netlink

// The beginning: what the store wants, and what the kernel has, become one.
extension Controller {
    /// Takes over what runs, without touching a packet; makes what is missing; removes what is of changes that an
    /// earlier `hoverd` did not finish. After a reboot everything is missing.
    ///
    /// What cannot be made is logged, and the rest goes on.
    public func begin() async throws(HoverError) {
        try await exclusively { () async throws(HoverError) in
            var phases = Phases()
            let remains = try await self.takeOverShared()
            phases.end("shared objects")
            let rows = try await self.store.load()
            phases.end("store")
            try await self.plan(rows)
            if remains == .another {
                try await self.leaveNumbers()
            }
            phases.end("planning")
            let unhealthy = await self.dataplane.ensure(
                .everything(in: self.model), tables: self.model.modules.mapValues(\.tables))
            for finding in unhealthy where remains != .nothing || finding.failure != nil {
                self.log(finding)
            }
            try await self.complete(unhealthy)
            phases.end("check")
            if remains != .another {
                try await self.sweep()
            }
            phases.end("sweep")
            try await self.refreshOwnPrograms()
            try await self.refreshBuiltInCode()
            try await self.store.forgetUnusedCodes()
            phases.end("entries")
            self.logger.debug("began: \(phases.text)")
        }
    }

    private func takeOverShared() async throws(HoverError) -> Remains {
        do throws(DataplaneError) {
            let remains = try await dataplane.takeOver(store: store.id)
            switch remains {
            case .nothing:
                try await dataplane.clear()
                try await dataplane.prepare(store: store.id)
            case .ours:
                try await dataplane.forgetListeners()
            case .another:
                logger.error(
                    """
                    what runs in the kernel is described by another store: it runs on as it is, and this hoverd leaves \
                    it alone; `hoverctl down` removes it
                    """)
            }
            return remains
        } catch {
            throw HoverError(error)
        }
    }

    /// Modules of another store run on, with the numbers that they have.
    private func leaveNumbers() async throws(HoverError) {
        do throws(DataplaneError) {
            nextNumber = max(nextNumber, try await dataplane.highestNumber() + 1)
        } catch {
            throw HoverError(error)
        }
    }

    /// Brings what the store has into the model, with the chains that follow from it and from the interfaces there are.
    private func plan(_ rows: StoredRows) async throws(HoverError) {
        revision = rows.revision
        nextNumber = rows.lastNumber + 1
        nextLinkNumber = (rows.links.map(\.number).max() ?? 0) + 1
        nextPlacementNumber = (rows.modules.flatMap(\.placements).map(\.number).max() ?? 0) + 1
        model.hopsInForce = rows.hops
        var plan = Plan()
        for var module in rows.modules {
            do throws(HoverError) {
                try module.prepare(types)
            } catch {
                logger.error("module \(module.name): \(error); it runs on as it is")
            }
            model.set(.module(module.id, module), in: &plan)
        }
        for link in rows.links {
            model.set(.link(link.id, link), in: &plan)
        }
        for record in try await interfaceRecords() {
            model.set(.interface(record.index, record), in: &plan)
        }
        for link in rows.links.sorted(by: { $0.number < $1.number }) {
            planLogging("link \(link.id)") { (model: inout Model, plan: inout Plan) throws(HoverError) in
                try model.planChains(of: link, in: &plan)
            }
        }
        for index in model.interfaces.keys.sorted() {
            planLogging("interface \(index)") { (model: inout Model, plan: inout Plan) throws(HoverError) in
                try model.planMember(index, in: &plan)
            }
        }
        model.hopsInForce = [:]
    }

    /// What one link cannot have must not keep the others.
    private func planLogging(_ what: String, _ planning: (inout Model, inout Plan) throws(HoverError) -> Void) {
        var plan = Plan()
        do throws(HoverError) {
            try planning(&model, &plan)
        } catch {
            model.rollBack(plan)
            logger.error("\(what): \(error)")
        }
    }

    private func interfaceRecords() async throws(HoverError) -> [InterfaceRecord] {
        var records: [InterfaceRecord] = []
        do throws(NetlinkError) {
            for interface in try await dataplane.interfaces() {
                var record = InterfaceRecord(interface: interface, device: await dataplane.device(of: interface))
                if record.names.contains(where: { model.isConcerned(interface: $0) }) {
                    record.peerAddress = try await dataplane.peerAddress(of: interface)
                }
                records.append(record)
            }
        } catch {
            throw HoverError(.kernel, "\(error)")
        }
        return records
    }

    /// Gives modules that were loaded anew what they had: their rows the new maps, and these the entries of users.
    func complete(_ findings: [Finding]) async throws(HoverError) {
        try await keepTables(of: findings)
        try await restoreEntries(reloaded: Set(findings.compactMap(\.reloadedModule)))
    }

    /// Modules that were loaded anew have other maps.
    private func keepTables(of findings: [Finding]) async throws(HoverError) {
        var plan = Plan()
        for finding in findings {
            guard let id = finding.reloadedModule, var module = model.modules[id], let tables = finding.tables else {
                continue
            }
            module.tables = tables
            model.set(.module(id, module), in: &plan)
        }
        let difference = Difference(from: plan.before, to: model)
        try await store.replace(difference.modules.compactMap(\.new))
    }

    /// Removes what is pinned and belongs to nothing that is to be there: an earlier `hoverd` ended within a change.
    func sweep() async throws(HoverError) {
        let orphans: Set<Pinned>
        do throws(DataplaneError) {
            orphans = try await dataplane.pinned().subtracting(model.pins)
        } catch {
            throw HoverError(error)
        }
        guard !orphans.isEmpty else { return }
        logger.notice(
            "removed \(orphans.count) objects that belong to nothing: an earlier hoverd ended within a change")
        try await remove(orphans)
    }

    /// Removes what belongs to nothing.
    func remove(_ orphans: Set<Pinned>) async throws(HoverError) {
        do throws(DataplaneError) {
            // Before the modules that they lead into: as long as there are such entries, there is an orphan that tells.
            try await dataplane.clearEntries(except: Set(model.modules.values.map(\.number)))
        } catch {
            throw HoverError(error)
        }
        await dataplane.remove(orphans)
    }

    /// Sets entries that users set: all in modules that were loaded anew, and in others those that the kernel may not
    /// have got.
    private func restoreEntries(reloaded: Set<String>) async throws(HoverError) {
        let unsettled = try await store.modulesWithUnsettledEntries()
        for id in reloaded.union(unsettled) {
            let entries = try await store.entries(ofModule: id, all: reloaded.contains(id))
            await restore(entries)
        }
    }

    /// Entries of tables that are not there any more are left out.
    func restore(_ entries: [StoredEntry]) async {
        for entry in entries {
            guard let table = model.modules[entry.module]?.tables.first(where: { $0.name == entry.table }) else {
                continue
            }
            do {
                try await dataplane.setEntry(entry.key, to: entry.values(of: table), of: table, ofModule: entry.module)
                try await store.settle(entry)
            } catch {
                logger.warning("an entry of table \(entry.table) of module \(entry.module) was not set again: \(error)")
            }
        }
    }

    /// Puts this build's programs where another build's run.
    private func refreshOwnPrograms() async throws(HoverError) {
        guard await !dataplane.isOfThisVersion else { return }
        do throws(DataplaneError) {
            try await dataplane.refreshOwnPrograms(model)
            try await dataplane.noteVersion()
            logger.notice("replaced the programs of another version of hover, while packets went on")
        } catch {
            logger.error("another version's programs run on: \(error)")
        }
    }

    /// Puts this build's code of the built-in types where another build's runs; the modules keep their tables.
    private func refreshBuiltInCode() async throws(HoverError) {
        let modulesOfType = Dictionary(grouping: model.modules.values, by: \.type)
        for type in types.types {
            // To look at the code of the others would only bring it into memory.
            guard let modules = modulesOfType[type.name] else { continue }
            let code = try types.code(of: type.name)
            let held = store.hold(code.stored)
            defer { store.letGo([held]) }
            for module in modules.filter({ $0.code != held }).sorted(by: { $0.number < $1.number }) {
                do throws(HoverError) {
                    try await change(ChangeNote(author: "hoverd", summary: "renew the code of module \(module.name)")) {
                        (model: inout Model, plan: inout Plan) throws(HoverError) in
                        try model.planReplacement(of: module.id, code, held, in: &plan)
                    }
                    logger.notice("module \(module.name) has this build's code of type \(type.name) now")
                } catch {
                    logger.error("module \(module.name) runs on with another build's code: \(error)")
                }
            }
        }
    }

    private func log(_ finding: Finding) {
        if let failure = finding.failure {
            logger.error("\(finding.object): \(failure)")
        } else {
            logger.notice("\(finding.object) was missing, and is there again")
        }
    }

    /// Removes all that Hover has in the kernel. What the store has stays.
    public func clear() async throws(HoverError) {
        try await exclusively { () async throws(HoverError) in
            do throws(DataplaneError) {
                try await self.dataplane.clear()
            } catch {
                throw HoverError(error)
            }
            self.model = Model(readCode: self.store.readCode)
        }
    }
}

extension StoredEntry {
    /// One value, or one per CPU.
    func values(of table: ModuleTable) -> [[UInt8]] {
        guard table.valueSize > 0 else { return [[]] }
        return stride(from: 0, to: value.count, by: table.valueSize).map {
            Array(value[$0..<min($0 + table.valueSize, value.count)])
        }
    }
}

extension Model {
    /// Whether anything that the store has is about an interface.
    func isConcerned(interface name: String) -> Bool {
        link(at: .interface(name)) != nil || !policies(tagging: "i:" + name).isEmpty
            || !policies(placedAt: .interface(name)).isEmpty
    }

    /// All that is to be pinned.
    var pins: Set<Pinned> {
        var pins: Set<Pinned> = []
        for module in modules.values {
            pins.insert(.module(module.id, generation: module.generation))
            if module.isAtXDP {
                pins.insert(.moduleAtXDP(module.id))
            }
            pins.formUnion(module.ports.map { .port(module: module.id, number: $0) })
        }
        for chain in chains.values {
            pins.formUnion(chain.hops.map { .hop(policy: $0.policy, instance: $0.instance) })
            pins.formUnion(chain.ways.map { .way($0.slot) })
        }
        for (index, attachment) in attachments {
            pins.insert(.interface(index))
            pins.formUnion(attachment.hooks.map { .hook(interface: index, $0) })
            if attachment.isPromiscuous {
                pins.insert(.promiscuity(interface: index))
            }
            if attachment.isHookedAtXDP {
                pins.insert(.xdpHook(interface: index))
            }
        }
        return pins
    }
}
