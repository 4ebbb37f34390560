// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import APIClient
import HoverAPI

struct CreatePlacement: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "placement", abstract: "Put a policy on ports and interfaces, or move it there.",
        discussion: """
            A place is NODE:PORT or i:NAME, where nothing need be linked yet. Behind it, /ingress is what the port or \
            interface receives, /egress what leaves by it; both without. Then @first, @last, @before:POLICY or \
            @after:POLICY says where among the policies that lie there, in the order in which packets meet them; \
            last without. A module with / or @ in its name is named by its id.

            Example:
              hoverctl create placement firewall web:1/ingress@first
              hoverctl create placement counter i:eth1 web:2@after:firewall
            """)

    @OptionGroup var places: PolicyPlaces
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let client = try common.client
        let policy = try await client.module(places.policy.text)
        let wanted = try await places.resolved(client)
        let kept = policy.placements.filter { placement in !wanted.contains { $0.covers(placement) } }
        let updated = try await client.updateModule(
            policy.id, ModuleChange(placements: kept + wanted), ifMatch: revision.ifMatch)
        switch common.output {
        case .table: for place in places.places { try common.confirm("placed \(policy.name) at \(place.argument)") }
        case .json, .yaml: try common.confirm(updated)
        }
    }
}

struct DeletePlacements: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "placement", abstract: "Take a policy away from ports and interfaces; its tags stay.",
        discussion: """
            Example:
              hoverctl delete placement firewall web:1/ingress
              hoverctl delete placement counter i:eth1
            """,
        aliases: ["placements"])

    @OptionGroup var places: PolicyPlaces
    @OptionGroup var revision: RevisionOption
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if places.places.contains(where: \.hasPosition) {
            throw ValidationError("A place to delete has no position: leave out @ and what follows.")
        }
    }

    func run() async throws {
        let client = try common.client
        let policy = try await client.module(places.policy.text)
        let unwanted = try await places.resolved(client)
        for (place, given) in zip(unwanted, places.places) where !policy.placements.contains(where: place.covers) {
            throw CommandFailure(
                message: "policy '\(policy.name)' is not placed at \(given.argument): "
                    + "see `hoverctl get module \(policy.name)`")
        }
        let kept = policy.placements.filter { placement in !unwanted.contains { $0.covers(placement) } }
        _ = try await client.updateModule(policy.id, ModuleChange(placements: kept), ifMatch: revision.ifMatch)
        for place in places.places { try common.confirm("took \(policy.name) from \(place.argument)") }
    }
}

struct PolicyPlaces: ParsableArguments {
    @Argument(help: "The policy's name or id.", completion: .custom(completeModules))
    var policy: Reference
    @Argument(
        help: "Places: NODE:PORT or i:NAME, with /DIRECTION and @POSITION.", completion: .custom(completeModules),
        transform: { try Placement(argument: $0) })
    var places: [Placement]

    /// The places with the ids of their modules, as `hoverd` shows placements.
    fileprivate func resolved(_ client: HoverClient) async throws -> [Placement] {
        var resolved = places
        for index in places.indices where !places[index].node.hasPrefix("i:") {
            resolved[index].node = try await client.module(places[index].node).id
        }
        return resolved
    }
}

extension Placement {
    /// Reads `web:1`, `web:1/ingress`, `i:eth1/egress@first`, `m:<uuid>:1@before:firewall`.
    init(argument: String) throws(ValidationError) {
        var rest = argument[...]
        var position: (at: String?, before: String?, after: String?)
        if let mark = rest.lastIndex(of: "@") {
            position = try Self.position(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        }
        var direction: String?
        if let mark = rest.lastIndex(of: "/") {
            let word = String(rest[rest.index(after: mark)...])
            if ManifestKeys.directions.contains(word) {
                direction = word
                rest = rest[..<mark]
            } else if !rest.hasPrefix("i:path=") {
                throw ValidationError(
                    "a direction is /ingress or /egress; a module with / in its name is named by its id")
            }
        }
        let end = try LinkEnd(argument: String(rest))
        self.init(
            node: end.node, port: end.port, direction: direction, at: position.at, before: position.before,
            after: position.after)
    }

    private static func position(
        _ text: Substring
    ) throws(ValidationError) -> (at: String?, before: String?, after: String?) {
        if text == "first" || text == "last" {
            return (String(text), nil, nil)
        }
        for (mark, isBefore) in [("before:", true), ("after:", false)] where text.hasPrefix(mark) {
            let policy = String(text.dropFirst(mark.count))
            guard !policy.isEmpty else { break }
            return isBefore ? (nil, policy, nil) : (nil, nil, policy)
        }
        throw ValidationError(
            "a position is @first, @last, @before:POLICY or @after:POLICY; a module with @ in its name is named by "
                + "its id")
    }

    /// What `init(argument:)` reads.
    var argument: String {
        node + (port.map { ":\($0)" } ?? "") + (direction.map { "/" + $0 } ?? "")
            + (at.map { "@" + $0 } ?? before.map { "@before:" + $0 } ?? after.map { "@after:" + $0 } ?? "")
    }

    var hasPosition: Bool { at != nil || before != nil || after != nil }

    /// Whether another placement is at this place.
    func covers(_ other: Placement) -> Bool {
        node == other.node && port == other.port && (direction == nil || direction == other.direction)
    }
}
