// SPDX-License-Identifier: Apache-2.0

import HoverAPI
import TypedValue

/// A client of `hoverd`'s REST API: one method for every route under `/v1`.
///
/// `module` parameters are references: an id (`m:…`, `b:…`) or a display name that is unique. Every method throws
/// `Problem` for what `hoverd` refuses and `ClientError` when it cannot be asked.
///
/// A change with `ifMatch` is done only when that is the current revision, else refused (status 412, `Problem.stale`).
public struct HoverClient: Sendable {
    /// Where `hoverd` listens.
    public let endpoint: Endpoint
    /// How long one request may take, compilation and verification included.
    public let limit: Duration
    /// Who makes the changes, as revisions show it: `user@host`.
    public let author: String

    /// A client without a connection yet: connections are opened when a method needs one.
    public init(
        endpoint: Endpoint = .standard, limit: Duration = .seconds(60), author: String = HoverClient.processAuthor
    ) {
        self.endpoint = endpoint
        self.limit = limit
        self.author = author
    }
}

// MARK: Modules

extension HoverClient {
    /// All modules in creation order, then the Linux bridges.
    public func modules() async throws -> [Module] {
        try await get(["modules"])
    }

    /// One module.
    public func module(_ module: String) async throws -> Module {
        try await get(["modules", module])
    }

    /// Compiles or takes the object, loads it and makes its ports.
    public func createModule(_ request: ModuleRequest, ifMatch: Int? = nil) async throws -> Module {
        try await send(.POST, ["modules"], body: request, ifMatch: ifMatch)
    }

    /// Changes a module's name, tags, placements or configuration.
    public func updateModule(_ module: String, _ change: ModuleChange, ifMatch: Int? = nil) async throws -> Module {
        try await send(.PATCH, ["modules", module], body: change, ifMatch: ifMatch)
    }

    /// Replaces a module's code while it runs: its tables keep their entries where the types of keys and values agree.
    public func replaceCode(of module: String, _ code: CodeRequest, ifMatch: Int? = nil) async throws -> Module {
        try await send(.PUT, ["modules", module, "code"], body: code, ifMatch: ifMatch)
    }

    /// Removes a module and its links.
    public func deleteModule(_ module: String, ifMatch: Int? = nil) async throws {
        try await delete(["modules", module], ifMatch: ifMatch)
    }

    /// What a module of a built-in type has learned and counted.
    ///
    /// - Parameter limit: the most elements of each list.
    public func state(of module: String, limit: Int = 1000) async throws -> [String: TypedValue] {
        try await get(["modules", module, "state"], query: [("limit", "\(limit)")])
    }

    /// A module's ports in order.
    public func ports(of module: String) async throws -> [Port] {
        try await get(["modules", module, "ports"])
    }

    /// Makes one more port, the lowest number that is free.
    public func addPort(to module: String, ifMatch: Int? = nil) async throws -> Port {
        try await send(.POST, ["modules", module, "ports"], body: [String: String](), ifMatch: ifMatch)
    }
}

// MARK: Elements of a configuration

extension HoverClient {
    /// An element of a list in a module's configuration, by what its member `id` or `name` says.
    public func element(_ name: String, of list: String, in module: String) async throws -> TypedValue {
        try await get(["modules", module, "config", list, name])
    }

    /// Changes an element, or adds it.
    ///
    /// - Parameter other: the element before which it is to be; without it one that is there keeps its place, and a new
    ///   one comes last.
    public func setElement(
        _ name: String, to element: TypedValue, of list: String, in module: String, before other: String? = nil,
        ifMatch: Int? = nil
    ) async throws {
        try await run(
            .PUT, ["modules", module, "config", list, name], query: other.map { [("before", $0)] } ?? [],
            body: element, ifMatch: ifMatch)
    }

    /// Removes an element.
    public func deleteElement(
        _ name: String, of list: String, in module: String, ifMatch: Int? = nil
    ) async throws {
        try await delete(["modules", module, "config", list, name], ifMatch: ifMatch)
    }
}

// MARK: Tables

extension HoverClient {
    /// A module's tables.
    public func tables(of module: String) async throws -> [Table] {
        try await get(["modules", module, "tables"])
    }

    /// One table, with the shapes of its keys and values.
    public func table(_ table: String, of module: String) async throws -> Table {
        try await get(["modules", module, "tables", table])
    }

    /// A page of at most `limit` entries that follow the key `after`, or the table's first ones.
    public func entries(
        of table: String, in module: String, after: TypedValue? = nil, limit: Int = 1000
    ) async throws -> TablePage {
        var query = [("limit", "\(limit)")]
        if let after { query.append(("after", keyText(after))) }
        return try await get(["modules", module, "tables", table, "entries"], query: query)
    }

    /// All entries, page after page. Entries that come and go meanwhile may be missed or seen twice.
    public func allEntries(of table: String, in module: String) async throws -> [TableEntry] {
        var page = try await entries(of: table, in: module)
        var entries = page.entries
        while let next = page.next {
            page = try await self.entries(of: table, in: module, after: next)
            entries += page.entries
        }
        return entries
    }

    /// The entry with this key; `key` is text as `TypeShape.parse(text:)` reads it.
    public func entry(_ key: String, of table: String, in module: String) async throws -> TableEntry {
        try await get(["modules", module, "tables", table, "entries", segment(key)])
    }

    /// Adds an entry, or changes the one with this key.
    public func setEntry(_ entry: TableEntry, of table: String, in module: String) async throws {
        try await run(.POST, ["modules", module, "tables", table, "entries"], body: entry)
    }

    /// The same with the key as text, as `TypeShape.parse(text:)` reads it.
    public func setEntry(
        _ key: String, to value: TypedValue, of table: String, in module: String
    ) async throws {
        try await run(.PUT, ["modules", module, "tables", table, "entries", segment(key)], body: ["value": value])
    }

    /// Removes the entry with this key; `key` is text as `TypeShape.parse(text:)` reads it.
    public func deleteEntry(_ key: String, of table: String, in module: String) async throws {
        try await delete(["modules", module, "tables", table, "entries", segment(key)])
    }

    /// A URL without its last part would name the whole table: empty text is written as JSON.
    private func segment(_ key: String) -> String { key.isEmpty ? "\"\"" : key }

    /// A key as a person types it and as URLs carry it: text bare, anything else as compact JSON.
    private func keyText(_ key: TypedValue) -> String {
        if case .string(let text) = key { text } else { key.description }
    }
}

// MARK: Packets

extension HoverClient {
    /// Begins to listen to what a module sends to its slow path. Packets come from now on.
    ///
    /// - Parameter limits: a change of the module's limits, which stays.
    public func packets(of module: String, limits: SlowPathUpdate = SlowPathUpdate()) async throws -> PacketStream {
        let query = [("rate", limits.rate), ("burst", limits.burst), ("snap_length", limits.snapLength)]
        return try await stream(
            ["modules", module, "packets"],
            query: query.compactMap { (name, number) in number.map { (name, "\($0)") } })
    }

    /// Sends packets into a module's ports or out of them, in order; all are checked before the first is sent.
    public func sendPackets(_ packets: [PacketRequest], module: String) async throws {
        try await run(.POST, ["modules", module, "packets"], body: packets)
    }

    /// Lets all packets go on that a module had held for one thing.
    ///
    /// - Returns: how many there were.
    @discardableResult
    public func release(_ key: UInt64, module: String) async throws -> Int {
        let answer: Released = try await send(
            .POST, ["modules", module, "holds", "\(key)", "release"], body: [String: String]())
        return answer.released
    }

    /// What a module may send to its slow path, and what came of it.
    public func slowPath(of module: String) async throws -> SlowPath {
        try await get(["modules", module, "slow-path"])
    }

    /// Changes what a module may send to its slow path.
    public func updateSlowPath(of module: String, _ limits: SlowPathUpdate) async throws -> SlowPath {
        try await send(.PATCH, ["modules", module, "slow-path"], body: limits)
    }
}

// MARK: Links and what surrounds them

extension HoverClient {
    /// All links.
    public func links() async throws -> [Link] {
        try await get(["links"])
    }

    /// One link, by its id (`l:…`).
    public func link(_ id: String) async throws -> Link {
        try await get(["links", id])
    }

    /// Links two ends; an end without a port takes the lowest one that is free.
    public func createLink(
        from: LinkEnd, to: LinkEnd, hook: String? = nil, ifMatch: Int? = nil
    ) async throws -> Link {
        try await send(.POST, ["links"], body: LinkRequest(from: from, to: to, hook: hook), ifMatch: ifMatch)
    }

    /// Takes a link away; the ports stay.
    public func deleteLink(_ id: String, ifMatch: Int? = nil) async throws {
        try await delete(["links", id], ifMatch: ifMatch)
    }

    /// All network interfaces in `hoverd`'s network namespace.
    public func interfaces() async throws -> [Interface] {
        try await get(["interfaces"])
    }

    /// One network interface, by its name without `i:`.
    public func interface(_ name: String) async throws -> Interface {
        try await get(["interfaces", name])
    }

    /// The module types that `hoverd` knows.
    public func types() async throws -> [ModuleType] {
        try await get(["types"])
    }

    /// What is connected with what, and which policies lie on the way.
    public func topology() async throws -> Topology {
        try await get(["topology"])
    }

    /// The versions of `hoverd` and of the kernel that it runs on.
    public func version() async throws -> Version {
        try await get(["version"])
    }
}
