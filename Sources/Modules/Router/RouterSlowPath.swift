// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Glibc
import Logging
import ModuleKit
import Netlink
import TypedValue

/// A router's part in user space: it asks for neighbours, tells senders of packets that ended, advertises, and follows the
/// routes of others. What it knows is in the module's tables, so that a later one can go on with it.
actor RouterSlowPath {
    let module: any RunningModule
    var plan: RouterPlan
    var links: [Int: LinkedPort]?
    var states: [Int: PortState] = [:]
    var leases: [Int: Lease] = [:]
    /// The DHCP clients of ports.
    var clients: [Int: PortClient] = [:]
    /// What providers behind ports have given.
    var provisions: [Int: Provision] = [:]
    /// Who asks for that.
    var providers: [Int: ProviderClient] = [:]
    /// Prefixes that hosts on a port's link are to give up, by when they have been told long enough.
    var withdrawn: [Int: [IPPrefix: Int]] = [:]
    /// Ports behind which a NAT may be that has not said yet, since this process began, what it translates: what it said
    /// before holds.
    var unconfirmed: Set<Int> = []
    /// The addresses that neighbouring modules were told.
    var published: [Int: [IPPrefix]] = [:]
    var learned = LearnedRoutes()
    /// Nil until they have been read.
    var kernelRoutes: [KernelRoute]?
    var schedules: [Int: AdvertisementSchedule] = [:]
    /// The first packets that wait for a neighbour, for what their senders are told if it does not answer.
    var waiting: [NeighbourKey: [WaitingPacket]] = [:]
    var times = Neighbour.Times()
    /// When neighbours are looked over next.
    var scanDue: UInt64 = 0
    var refreshDue: UInt64 = 0
    var incomplete = 0
    private var generation: UInt32 = 0
    private var routeImport: (table: Int, task: Task<Void, any Error>)?
    private var isBusy = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    init(_ module: any RunningModule) async throws {
        self.module = module
        plan = try RouterPlan(withoutRoutes: await module.configuration())
    }

    func run() async throws {
        // Before the ports get their addresses, so that nothing that the fast path sends up is lost.
        let packets = try await module.packets(SlowPathLimits(rate: 10_000, burst: 1000, snapLength: 2048))
        defer { routeImport?.task.cancel() }
        try await begin()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await packet in packets { await self.take(packet) } }
            group.addTask { for await config in await self.module.configurations() { await self.configure(config) } }
            group.addTask { for await links in await self.module.links() { await self.link(links) } }
            group.addTask {
                while !Task.isCancelled {
                    await self.tick()
                    try await Task.sleep(for: .milliseconds(200))
                }
            }
            defer { group.cancelAll() }
            // The packets end with the module.
            try await group.next()
        }
    }

    /// Takes over what an earlier slow path left.
    private func begin() async throws {
        var reader = StructureReader(try await module.value(of: [0, 0, 0, 0], in: "generation") ?? [])
        generation = reader.u32()
        learned = try await readLearned(from: module)
        unconfirmed = Set(plan.ports.map(\.number))
        provisions = try await Provision.remembered(by: module, plan)
        for port in plan.ports {
            let key = StructureBytes().u32(port.number).bytes
            states[port.number] = try await module.value(of: key, in: PortState.table).flatMap { PortState(bytes: $0) }
        }
        await apply()
    }

    private func configure(_ config: TypedValue) async {
        await enter()
        defer { leave() }
        guard let new = try? RouterPlan(withoutRoutes: config) else { return }
        let old = plan
        let before = currentPorts
        plan = new
        for port in old.ports where port.advertisements != nil {
            let now = new.ports.first { $0.number == port.number }
            if now?.advertisements == nil { await advertise(port, to: nil, isLast: true) }
        }
        let gone = Set(old.ports.map(\.number)).subtracting(new.ports.map(\.number))
        for number in gone {
            states[number] = nil
            schedules[number] = nil
            await write([UInt8](repeating: 0, count: PortState.size), to: PortState.table, at: number)
            await forgetNeighbours(of: number)
        }
        await apply()
        withdraw(before)
    }

    private func link(_ new: [Int: LinkedPort]) async {
        await enter()
        defer { leave() }
        let old = links
        links = new
        confirmNATs(old, new)
        await updateStates()
        await updateLearned()
        await updateClients()
        await updateProviders()
        // Another neighbour is told too.
        published = published.filter { old?[$0.key]?.peer == new[$0.key]?.peer }
        await publishAddresses()
        for port in plan.ports where old?[port.number]?.peer != new[port.number]?.peer {
            // At the start of this process, the neighbours are those of before.
            if old != nil { await forgetNeighbours(of: port.number) }
            guard new[port.number] != nil else { continue }
            await announce(port)
            if let interval = port.advertisements?.interval {
                schedules[port.number] = AdvertisementSchedule(interval: interval, at: Self.now)
            }
        }
    }

    private func apply() async {
        times.reachable = UInt64(plan.reachableTime) * 1_000_000_000
        await updateStates()
        for port in plan.ports {
            guard let interval = port.advertisements?.interval else {
                schedules[port.number] = nil
                continue
            }
            if schedules[port.number]?.interval != interval {
                schedules[port.number] = AdvertisementSchedule(interval: interval, at: Self.now)
            }
        }
        followKernel()
        await forgetProvisions()
        await updateLeases()
        await updateLearned()
        await updateClients()
        await updateProviders()
        await refresh()
    }

    private func updateStates() async {
        var isChanged = false
        for port in currentPorts {
            let old = states[port.number]
            var state = PortState(
                port, link: links?[port.number], isTranslated: isTranslated(port), module: module.id)
            // Until links are known, what was there is nearer to the truth.
            if links == nil, port.mtu == nil, let old { state.mtu = old.mtu }
            guard old != state else { continue }
            states[port.number] = state
            isChanged = true
            await write(state.bytes, to: PortState.table, at: port.number)
        }
        if isChanged { await refresh() }
    }

    // MARK: One thing at a time

    /// Waits until nothing else is done: what is read from a table and written back must not change in between. `leave`
    /// ends it.
    func enter() async {
        while isBusy {
            await withCheckedContinuation { waiters.append($0) }
        }
        isBusy = true
    }

    func leave() {
        isBusy = false
        if !waiters.isEmpty { waiters.removeFirst().resume() }
    }

    // MARK: Time

    private func tick() async {
        await enter()
        defer { leave() }
        let now = Self.now
        await updateLeases()
        await advanceClients()
        await advanceProviders()
        if now >= scanDue { await scanNeighbours(at: now) }
        if now >= refreshDue {
            refreshDue = now + 1_000_000_000
            // So that the fast path notes which neighbours it uses.
            await refresh()
        }
        for port in plan.ports {
            guard let schedule = schedules[port.number], now >= schedule.due, links?[port.number] != nil else {
                continue
            }
            await advertise(port, to: nil)
            schedules[port.number]?.sent(at: now, random: .random(in: 0...1))
        }
    }

    /// Nanoseconds of the clock that the fast path has too (`hover_now`).
    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    // MARK: Tables

    /// Makes what the fast path has cached void.
    func refresh() async {
        // The fast path counts too, and one number is none (NEVER_CACHED, tables.h).
        if let value = try? await module.value(of: [0, 0, 0, 0], in: "generation") {
            var reader = StructureReader(value)
            generation = max(generation, reader.u32())
        }
        generation = generation >= .max - 1 ? 1 : generation + 1
        await write(StructureBytes().u32(generation).bytes, to: "generation", at: 0)
    }

    func write(_ value: [UInt8], to table: String, at index: Int) async {
        do {
            try await module.set(value, for: StructureBytes().u32(index).bytes, in: table)
        } catch {
            module.logger.warning("router \(module.name): cannot set entry \(index) of table \(table): \(error)")
        }
    }

    // MARK: Learned routes

    func updateLeases() async {
        var isChanged = false
        for port in plan.ports where port.hasDHCP {
            let key = StructureBytes().u32(port.number).bytes
            guard let value = try? await module.value(of: key, in: Lease.table) else { continue }
            let lease = Lease(bytes: value)
            guard leases[port.number] != lease else { continue }
            leases[port.number] = lease
            isChanged = true
        }
        if isChanged {
            await updateLearned()
            await updateStates()
        }
        await publishAddresses()
    }

    /// The ports with the addresses that they have at present.
    var currentPorts: [PortPlan] {
        plan.ports.map { port in
            var port = port
            if port.hasDHCP, let lease = leases[port.number] { port.addresses.append(lease.address) }
            if let address = delegatedAddress(of: port) { port.addresses.append(address) }
            return port
        }
    }

    func updateLearned() async {
        leases = leases.filter { lease in plan.ports.contains { $0.number == lease.key && $0.hasDHCP } }
        var wanted = importedRoutes
        wanted.merge(translatedRoutes) { _, ours in ours }
        for (port, lease) in leases { wanted.merge(lease.routes(port: port)) { _, ours in ours } }
        wanted.merge(provisionRoutes) { _, ours in ours }
        let changes = learned.change(to: wanted)
        guard !changes.isEmpty else { return }
        await perform(changes)
        await perform(learned.refill(after: changes))
        await refresh()
    }

    private func perform(_ changes: [LearnedRoutes.Change]) async {
        guard !changes.isEmpty else { return }
        var failures = 0
        for change in changes {
            do {
                switch change {
                case .setPath(let index, let hop):
                    try await module.set(hop.bytes, for: StructureBytes().u32(index).bytes, in: "learned_paths")
                case .set(let prefix, let bytes):
                    try await module.set(bytes, for: prefix.key, in: prefix.isIPv4 ? "learned4" : "learned6")
                case .remove(let prefix):
                    try await module.remove(prefix.key, from: prefix.isIPv4 ? "learned4" : "learned6")
                }
            } catch {
                failures += 1
                if case .set(let prefix, _) = change { learned.miss(prefix) }
            }
        }
        if failures > 0 || learned.reduced > 0 {
            module.logger.warning(
                "router \(module.name): \(failures) learned routes have no room, \(learned.reduced) have one next hop only"
            )
        }
    }

    private var importedRoutes: [IPPrefix: Route] {
        guard plan.kernelImport != nil else { return [:] }
        // Until the kernel's are read, those that an earlier slow path left hold.
        guard let kernelRoutes else { return learned.routes }
        return KernelRouteMapper(ports: currentPorts).routes(kernelRoutes)
    }

    private func followKernel() {
        guard routeImport?.table != plan.kernelImport?.table else { return }
        routeImport?.task.cancel()
        routeImport = nil
        guard let table = plan.kernelImport?.table else {
            kernelRoutes = nil
            return
        }
        let logger = module.logger
        let name = module.name
        routeImport = (
            table,
            Task { [weak self] in
                while true {
                    do throws(NetlinkError) {
                        let (watcher, routes) = try RouteWatcher.start(table: UInt32(table))
                        defer { watcher.stop() }
                        for await list in routes { await self?.take(list) }
                        return
                    } catch {
                        logger.error("router \(name): \(error); the kernel's routes are not followed until that works")
                    }
                    // Throws when the task is cancelled, and nothing else does.
                    try await Task.sleep(for: .seconds(10))
                }
            }
        )
    }

    private func take(_ routes: [KernelRoute]) async {
        await enter()
        defer { leave() }
        kernelRoutes = routes
        await updateLearned()
    }
}

/// What an earlier slow path left in the tables.
func readLearned(from module: any RunningModule) async throws -> LearnedRoutes {
    let found = try await readRoutes(
        of: ["learned4", "learned6"], paths: "learned_paths", from: module, limit: 1 << 22)
    return LearnedRoutes(found.routes, places: found.places)
}

/// Routes out of tables, and where their groups of next hops begin.
///
/// - Parameter limit: the most of each table.
func readRoutes(
    of tables: [String], paths table: String, from module: any RunningModule, limit: Int
) async throws -> (routes: [IPPrefix: Route], places: [[Hop]: Int]) {
    var entries: [(prefix: IPPrefix, value: [UInt8])] = []
    for table in tables {
        entries += try await module.entries(of: table, limit: limit).compactMap { entry in
            IPPrefix(key: entry.key).map { ($0, entry.value) }
        }
    }
    var paths: [Int: Hop] = [:]
    if entries.contains(where: { Route.isOfSeveral($0.value) }) {
        for (index, entry) in try await module.entries(of: table, limit: 1 << 20).enumerated() {
            paths[index] = Hop(bytes: entry.value)
        }
    }
    var places: [[Hop]: Int] = [:]
    var routes: [IPPrefix: Route] = [:]
    for entry in entries {
        routes[entry.prefix] = Route(bytes: entry.value) { first, count in
            let group = (first..<first + count).compactMap { paths[$0] }
            guard group.count == count else { return nil }
            places[group] = first
            return group
        }
    }
    return (routes, places)
}
