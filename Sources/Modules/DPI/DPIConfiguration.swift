// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// The configuration of a classifier.
struct DPIConfiguration: Sendable {
    var flows: Int
    var packets: Int
    var tcpTimeout: Int
    var timeout: Int
    var rules: [DPIRule]
    var initial: DPIAction

    /// `DPI_NO_RULE`, and the number behind it stands for none.
    static let mostRules = 255

    init(_ config: ConfigReader) throws(ConfigError) {
        flows = try config.value(
            "flows", .integer(16...262_144), default: 65_536,
            "the most flows; fixed when the module is made. Packets of further ones pass and are not classified")
        packets = try config.value(
            "packets", .integer(1...32), default: 10,
            "the most packets of a flow that are looked at; of TCP and UDP those with payload")
        tcpTimeout = try config.value(
            "tcp_timeout", .integer(1...31_536_000), default: 1800,
            "seconds without a packet after which a flow of TCP is forgotten")
        timeout = try config.value(
            "timeout", .integer(1...31_536_000), default: 120,
            "seconds without a packet after which a flow of another protocol is forgotten")
        initial = try config.value(
            "default", .object(DPIAction.init), default: .accept,
            "what becomes of flows with a verdict that no rule decides on; without it they are accepted")
        rules = try config.value(
            "rules", .list(of: .object(DPIRule.init)), default: [],
            "in their order: the first one that matches decides")
        guard rules.count <= Self.mostRules else {
            throw config.error(
                "rules", "there are \(rules.count) rules, and \(Self.mostRules) can be: name categories instead")
        }
    }

    var constants: [String: TypedValue] {
        [
            "inspected": TypedValue(packets), "tcp_timeout": TypedValue(UInt64(tcpTimeout) * 1_000_000_000),
            "other_timeout": TypedValue(UInt64(timeout) * 1_000_000_000),
        ]
    }

    /// `struct dpi_policy` (`tables.h`).
    var policy: [UInt8] {
        let none = UInt8(Self.mostRules)
        var applications = [UInt8](repeating: none, count: 512)
        var categories = [UInt8](repeating: none, count: 128)
        var actions = [UInt8](repeating: 0, count: 2 * (Self.mostRules + 1))
        // Backwards: the first one is to stay.
        for (index, rule) in rules.enumerated().reversed() {
            switch rule.subject {
            case .application(let number): applications[Int(number) % applications.count] = UInt8(index)
            case .category(let number): categories[Int(number) % categories.count] = UInt8(index)
            }
            actions.replaceSubrange(2 * index..<2 * index + 2, with: rule.action.bytes)
        }
        actions.replaceSubrange(2 * Self.mostRules..<actions.count, with: initial.bytes)
        return applications + categories + actions
    }
}

/// What becomes of an application's packets.
enum DPIAction: Sendable, Hashable {
    case accept, block
    /// Gives them a DSCP.
    case mark(Int)

    private enum Name: String, CaseIterable, Sendable {
        case accept, block, mark
    }

    init(_ config: ConfigReader) throws(ConfigError) {
        let name: Name = try config.required("action", .choice, "what becomes of its packets")
        let dscp = try config.optional(
            "dscp", .integer(0...63), "the DSCP that marked packets get; only with `action: mark`, which needs it")
        switch (name, dscp) {
        case (.mark, let dscp?): self = .mark(dscp)
        case (.mark, nil): throw config.error("dscp", "there is no dscp to mark with: add it, 0 to 63")
        case (.accept, nil): self = .accept
        case (.block, nil): self = .block
        case (_, _?):
            throw config.error("dscp", "only marked packets get a DSCP: set action to mark, or leave dscp out")
        }
    }

    /// `struct dpi_action`.
    var bytes: [UInt8] {
        switch self {
        case .accept: [0, 0]
        case .block: [1, 0]
        case .mark(let dscp): [2, UInt8(truncatingIfNeeded: dscp)]
        }
    }
}

/// What becomes of one application, or of all of a category.
struct DPIRule: Sendable, Hashable {
    enum Subject: Sendable, Hashable {
        case application(UInt16)
        case category(UInt16)
    }

    var subject: Subject
    var action: DPIAction

    init(_ config: ConfigReader) throws(ConfigError) {
        let application = try config.optional(
            "application", .text,
            "nDPI's name of an application or protocol, in any case; `hoverctl get state` shows it")
        let category = try config.optional("category", .text, "nDPI's name of a category, in any case")
        action = try DPIAction(config)
        switch (application, category) {
        case (let name?, nil):
            subject = .application(try Self.number(of: name, "application", \.applications, config))
        case (nil, let name?):
            subject = .category(try Self.number(of: name, "category", \.categories, config))
        case (nil, nil): throw config.error("application", "the rule names nothing: add application or category")
        case (_?, _?):
            throw config.error("category", "a rule is for an application or for a category: make two rules of it")
        }
    }

    private static func number(
        of name: String, _ key: String, _ names: KeyPath<ApplicationNames, [String]>, _ config: ConfigReader
    ) throws(ConfigError) -> UInt16 {
        let names = ApplicationNames.known[keyPath: names]
        if let number = names.firstIndex(where: { $0.lowercased() == name.lowercased() && !$0.isEmpty }) {
            return UInt16(number)
        }
        let nearest = suggestion(for: name, among: names.filter { !$0.isEmpty })
        throw config.error(key, "nDPI knows no \(key) \"\(name)\": \(nearest)")
    }
}
