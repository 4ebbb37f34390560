// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// Makes of rules what the fast path searches (`rules.h`).
struct RuleCompiler {
    /// Why there is no such thing for these rules.
    struct TooManyIntervals: Error {
        var field: String
    }

    private let configuration: FirewallConfiguration
    private var pages = PageStore()
    private var vectors: VectorStore
    private let empty: UInt32

    private var rules: [Rule] { configuration.rules }

    private init(_ configuration: FirewallConfiguration) {
        self.configuration = configuration
        vectors = VectorStore(rules: configuration.rules.count)
        // Page 0 is written last.
        _ = pages.append()
        empty = vectors.reference(to: RankSet(), in: &pages)
    }

    /// The fields of `enum firewall_field`.
    private enum Field: Int, CaseIterable {
        case kind, source, destination, sourcePort, destinationPort, mac
    }

    /// The tables `pages` and `ruleset`. The pages are there before `ruleset` names them, and go after it names others.
    static func tables(_ configuration: FirewallConfiguration) throws(TooManyIntervals) -> [ConfiguredTable] {
        var compiler = RuleCompiler(configuration)
        let flags = compiler.flags
        try compiler.writeAll()
        return compiler.tables(flags: flags)
    }

    private mutating func writeAll() throws(TooManyIntervals) {
        let kinds = writeKinds()
        let trees = try writeTrees()
        let (open, summary) = writeOpen()
        let first = writeRules()
        func pair(_ low: UInt32, _ high: UInt32) -> UInt64 { UInt64(high) << 32 | UInt64(low) }
        let initial = Direction.allCases.map { UInt64((configuration.initial[$0] ?? .drop).number) }
        pages.replace(
            0,
            with: [
                initial[0] | initial[1] << 8,
                pair(UInt32(configuration.answers.rate), UInt32(configuration.answers.burst)),
                pair(UInt32(kinds), UInt32(open)), pair(UInt32(first), empty),
            ] + trees.map { pair($0.page, $0.levels) } + summary.flatMap { $0 })
    }

    // MARK: Fields

    /// References by direction, IP version and protocol.
    private mutating func writeKinds() -> Int {
        var references: [UInt64] = []
        for direction in Direction.allCases {
            for family in Family.allCases {
                references += kinds(direction, family)
            }
        }
        let words = stride(from: 0, to: references.count, by: 2).map { references[$0] | references[$0 + 1] << 32 }
        return pages.append(words)
    }

    private mutating func kinds(_ direction: Direction, _ family: Family) -> [UInt64] {
        var any = RankPart()
        var named: [UInt8: RankPart] = [:]
        for (rank, rule) in rules.enumerated()
        where rule.directions.contains(direction) && rule.families.contains(family) {
            guard let protocols = rule.protocols else {
                any.append(rank)
                continue
            }
            for number in protocols { named[number, default: RankPart()].append(rank) }
        }
        var base = RankSet()
        base.toggle(any)
        return (0...255).map { number in
            guard let part = named[UInt8(number)] else { return UInt64(vectors.reference(to: base, in: &pages)) }
            base.toggle(part)
            defer { base.toggle(part) }
            return UInt64(vectors.reference(to: base, in: &pages))
        }
    }

    /// In the order of the program's numbers.
    private mutating func writeTrees() throws(TooManyIntervals) -> [TreePlace] {
        let sources = addressConditions { $0.source }
        let destinations = addressConditions { $0.destination }
        let sourcePorts = conditions { $0.sourcePorts?.map { UInt128($0.lowerBound)...UInt128($0.upperBound) } }
        let destinationPorts = conditions(Self.destinationPorts)
        let macs = conditions { $0.sourceMAC?.map { $0.number...$0.number } }
        var trees: [TreePlace] = []
        for (conditions, isNarrow, field) in [
            (sources[.ipv4] ?? [], true, "source"), (destinations[.ipv4] ?? [], true, "destination"),
            (sources[.ipv6] ?? [], false, "source"), (destinations[.ipv6] ?? [], false, "destination"),
            (sourcePorts, true, "source_ports"), (destinationPorts, true, "destination_ports"),
            (macs, false, "source_mac"),
        ] {
            let tree = SearchTree(isNarrow: isNarrow)
            guard let place = tree.write(conditions, &vectors, &pages, empty: empty) else {
                throw TooManyIntervals(field: field)
            }
            trees.append(place)
        }
        return trees
    }

    private static func destinationPorts(_ rule: Rule) -> [ClosedRange<UInt128>]? {
        guard let type = rule.icmpType else {
            return rule.destinationPorts?.map { UInt128($0.lowerBound)...UInt128($0.upperBound) }
        }
        let first = 0x10000 | UInt128(type) << 8
        guard let code = rule.icmpCode else { return [first...first + 255] }
        return [first + UInt128(code)...first + UInt128(code)]
    }

    /// Rules with the same values of a field are one condition: nothing is searched or added up twice.
    private func conditions(_ values: (Rule) -> [ClosedRange<UInt128>]?) -> [FieldCondition] {
        var conditions: [FieldCondition] = []
        var places: [[ClosedRange<UInt128>]: Int] = [:]
        for (rank, rule) in rules.enumerated() {
            guard let ranges = values(rule) else { continue }
            let place = places[ranges] ?? conditions.count
            if place == conditions.count {
                conditions.append(FieldCondition(ranges))
                places[ranges] = place
            }
            conditions[place].rules.append(rank)
        }
        return conditions
    }

    private func addressConditions(_ values: (Rule) -> [AddressRange]?) -> [Family: [FieldCondition]] {
        var known: [[AddressRange]: Int] = [:]
        var ranges: [[AddressRange]] = []
        var parts: [RankPart] = []
        for (rank, rule) in rules.enumerated() {
            guard let value = values(rule) else { continue }
            let place = known[value] ?? ranges.count
            if place == ranges.count {
                known[value] = place
                ranges.append(value)
                parts.append(RankPart())
            }
            parts[place].append(rank)
        }
        var conditions: [Family: [FieldCondition]] = [:]
        for family in Family.allCases {
            conditions[family] = zip(ranges, parts).map { value, part in
                var condition = FieldCondition(value.filter { $0.family == family }.map(\.range))
                condition.rules = part
                return condition
            }.filter { !$0.ranges.isEmpty }
        }
        // A rule for addresses of one family has no vector in the other's tree: an empty one says that it does not match.
        return conditions
    }

    // MARK: What is open, and the rules

    /// What rules leave open, block by block, and its summaries.
    private mutating func writeOpen() -> (page: Int, summary: [[UInt64]]) {
        let blocks = RankSet.blocks
        var open = [[UInt64]](repeating: [UInt64](repeating: 0, count: blocks), count: Field.allCases.count)
        for (rank, rule) in rules.enumerated() {
            let bit = UInt64(1) << UInt64(rank % 64)
            for (field, isOpen) in [
                (Field.source, rule.source == nil), (.destination, rule.destination == nil),
                (.sourcePort, rule.sourcePorts == nil),
                (.destinationPort, rule.destinationPorts == nil && rule.icmpType == nil),
                (.mac, rule.sourceMAC == nil),
            ] where isOpen {
                open[field.rawValue][rank / 64] |= bit
            }
        }
        var first: Int?
        // 64 blocks a page, 8 words each.
        for page in 0..<max(1, (rules.count + 4095) / 4096) {
            let words = (0..<64).flatMap { block in
                (0..<8).map { $0 < open.count ? open[$0][page * 64 + block] : 0 }
            }
            let number = pages.append(words)
            first = first ?? number
        }
        let summary = open.map { words in
            (0..<4).map { part in
                (0..<64).reduce(UInt64(0)) { $0 | (words[part * 64 + $1] != 0 ? 1 << UInt64($1) : 0) }
            }
        }
        return (first ?? 0, summary)
    }

    private mutating func writeRules() -> Int {
        var first: Int?
        for start in stride(from: 0, to: max(rules.count, 1), by: 64) {
            let number = pages.append(rules[start..<min(start + 64, rules.count)].flatMap(\.words))
            first = first ?? number
        }
        return first ?? 0
    }

    // MARK: Tables

    /// Of the configuration, what the program asks before any rule (`rules.h`).
    private var flags: UInt64 {
        let flags = [
            configuration.tracks, configuration.acceptsEstablished, configuration.dropsInvalid,
            configuration.acceptsARP,
            configuration.acceptsOther, configuration.acceptsDiscovery,
        ]
        return flags.enumerated().reduce(0) { $0 | ($1.element ? 1 << UInt64($1.offset) : 0) }
    }

    private func tables(flags: UInt64) -> [ConfiguredTable] {
        var hash = StableHash()
        hash.add(flags)
        hash.add(UInt64(pages.pages.count))
        for page in pages.pages {
            for word in page { hash.add(word) }
        }
        let version = max(hash.value >> 20, 1) << 20
        var entries: [[UInt8]: [UInt8]] = [:]
        for (number, page) in pages.pages.enumerated() {
            entries[StructureBytes().u64(version | UInt64(number)).bytes] = page.withUnsafeBytes(Array.init)
        }
        return [
            ConfiguredTable("pages", entries: entries),
            ConfiguredTable(
                "ruleset", entries: [StructureBytes().u32(0).bytes: StructureBytes().u64(version | flags).bytes]),
        ]
    }
}

extension Rule {
    /// Whether what it says depends on more than the connection that a packet belongs to.
    private var isPerPacket: Bool {
        vlan != nil || dscp != nil || fragments != nil || limit != nil || log || destinationMAC != nil || tcpMask != 0
            || action == .count
    }

    private var flags: UInt8 {
        let flags = [
            log, limit != nil, vlan != nil, dscp != nil, fragments != nil, isPerPacket, destinationMAC != nil,
            fragments == true,
        ]
        return flags.enumerated().reduce(0) { $0 | ($1.element ? 1 << UInt8($1.offset) : 0) }
    }

    /// `struct firewall_rule`.
    fileprivate var words: [UInt64] {
        let states: UInt8 = self.states.isEmpty ? 0xff : self.states.reduce(0) { $0 | $1.bit }
        var words = [UInt64](repeating: 0, count: 8)
        words[0] = key
        words[1] = UInt64(action.number) | UInt64(flags) << 8 | UInt64(states) << 16 | UInt64(dscp ?? 0) << 24
        words[1] |= UInt64(tcpMask) << 32 | UInt64(tcpFlags) << 40 | UInt64(vlan ?? 0) << 48
        words[2] = UInt64(limit?.rate ?? 0) | UInt64(limit?.burst ?? 0) << 32
        words[3] = UInt64(destinationMAC?.number ?? 0)
        // The name ends with a zero.
        for (index, byte) in id.utf8.prefix(31).enumerated() {
            words[4 + index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        }
        return words
    }
}
