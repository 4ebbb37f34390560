// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// A set of rules as the fast path searches it (`rules.h`).
struct CompiledRules: Sendable {
    /// Why there is no such thing for these rules.
    struct TooManyIntervals: Error {
        var field: String
    }

    let configuration: FirewallConfiguration
    let kinds: KindSection
    let sources: AddressSections
    let destinations: AddressSections
    let sourcePorts: TreeSection
    let destinationPorts: TreeSection
    let macs: TreeSection
    let open: OpenSection
    let rules: RuleSection

    /// - Parameter previous: a set that the configuration was read after. Sections that depend on nothing that differs
    ///   are taken over from it.
    init(_ configuration: FirewallConfiguration, after previous: CompiledRules? = nil) throws(TooManyIntervals) {
        let compiler = RuleCompiler(rules: configuration.rules)
        let known = KnownRules(configuration, previous)
        self.configuration = configuration
        kinds = try known.section(\.kinds, unless: { !$0.hasKind(of: $1) }, compiler.kinds)
        sources = try known.section(\.sources, unless: { $0.source != $1.source }) {
            () throws(TooManyIntervals) in try compiler.addresses("source") { $0.source }
        }
        destinations = try known.section(\.destinations, unless: { $0.destination != $1.destination }) {
            () throws(TooManyIntervals) in try compiler.addresses("destination") { $0.destination }
        }
        sourcePorts = try known.section(\.sourcePorts, unless: { $0.sourcePorts != $1.sourcePorts }) {
            () throws(TooManyIntervals) in
            try compiler.tree("source_ports", isNarrow: true) {
                $0.sourcePorts
            } _: {
                $0.map(\.number)
            }
        }
        destinationPorts = try known.section(
            \.destinationPorts, unless: { $0.destinationPortsOrType != $1.destinationPortsOrType }
        ) {
            () throws(TooManyIntervals) in
            try compiler.tree("destination_ports", isNarrow: true) {
                $0.destinationPortsOrType
            } _: {
                $0.ranges
            }
        }
        macs = try known.section(\.macs, unless: { $0.sourceMAC != $1.sourceMAC }) {
            () throws(TooManyIntervals) in
            try compiler.tree("source_mac", isNarrow: false) {
                $0.sourceMAC
            } _: {
                $0.map { $0.number...$0.number }
            }
        }
        open = try known.section(
            \.open, unless: { RuleCompiler.open($0) != RuleCompiler.open($1) }, compiler.open)
        rules = try known.section(\.rules, unless: { $0.words != $1.words }, compiler.rulePages)
    }
}

/// What a set of rules has in common with one before it.
private struct KnownRules {
    private let previous: CompiledRules?
    private let changed: [(old: Rule, new: Rule)]

    init(_ configuration: FirewallConfiguration, _ previous: CompiledRules?) {
        guard let previous, let range = configuration.changedRules,
            configuration.rules.count == previous.configuration.rules.count
        else {
            (self.previous, changed) = (nil, [])
            return
        }
        self.previous = previous
        changed = range.map { (previous.configuration.rules[$0].value, configuration.rules[$0].value) }
    }

    /// A section of the set before, unless rules differ in what it depends on; else a new one.
    func section<Section>(
        _ section: KeyPath<CompiledRules, Section>, unless isChanged: (Rule, Rule) -> Bool,
        _ make: () throws(CompiledRules.TooManyIntervals) -> Section
    ) throws(CompiledRules.TooManyIntervals) -> Section {
        guard let previous, !changed.contains(where: { isChanged($0.old, $0.new) }) else { return try make() }
        return previous[keyPath: section]
    }
}

// MARK: - Tables

extension CompiledRules {
    /// The tables `pages` and `ruleset`. The pages are there before `ruleset` names them, and go after it names others.
    var tables: [ConfiguredTable] {
        let header = header
        var hash = StableHash()
        hash.add(flags)
        for word in header { hash.add(word) }
        let version = RuleSection.key(of: hash)
        var pages = PageStore()
        _ = pages.append(header)
        var entries = [StructureBytes().u64(version).bytes: pages.bytes(of: 0)]
        for section in [kinds.section, open.section, rules] + trees.map(\.section) {
            for (key, value) in section.entries { entries[key] = value }
        }
        return [
            ConfiguredTable("pages", entries: entries),
            ConfiguredTable(
                "ruleset", entries: [StructureBytes().u32(0).bytes: StructureBytes().u64(version | flags).bytes]),
        ]
    }

    /// In the order of the program's numbers.
    private var trees: [TreeSection] {
        [sources.ipv4, destinations.ipv4, sources.ipv6, destinations.ipv6, sourcePorts, destinationPorts, macs]
    }

    /// `struct firewall_header`.
    private var header: [UInt64] {
        func pair(_ low: UInt32, _ high: UInt32) -> UInt64 { UInt64(high) << 32 | UInt64(low) }
        let initial = Direction.allCases.map { UInt64((configuration.initial[$0] ?? .drop).number) }
        return [
            initial[0] | initial[1] << 8,
            pair(UInt32(configuration.answers.rate), UInt32(configuration.answers.burst)),
            kinds.section.key, open.section.key, rules.key, pair(kinds.page, 0),
        ] + trees.flatMap { [$0.section.key, pair($0.page, $0.levels)] } + open.summary.flatMap { $0 }
    }

    /// What the program knows before it looks at any rule.
    private var flags: UInt64 {
        let flags = [
            configuration.tracks, configuration.acceptsEstablished, configuration.dropsInvalid,
            configuration.acceptsARP, configuration.acceptsOther, configuration.acceptsDiscovery,
            !sources.isAskedFor, !destinations.isAskedFor, !sourcePorts.isAskedFor,
        ]
        return flags.enumerated().reduce(0) { $0 | ($1.element ? 1 << UInt64($1.offset) : 0) }
    }
}

// MARK: - Sections

/// References to vectors by direction, IP version and protocol, and the vectors.
struct KindSection: Sendable {
    var section: RuleSection
    var page: UInt32
}

/// The trees of a field with addresses.
struct AddressSections: Sendable {
    var ipv4: TreeSection
    var ipv6: TreeSection

    var isAskedFor: Bool { ipv4.isAskedFor || ipv6.isAskedFor }
}

/// What rules leave open, and by field which blocks of that are not 0.
struct OpenSection: Sendable {
    var section: RuleSection
    var summary: [[UInt64]]
}

/// Makes sections of rules.
struct RuleCompiler {
    let rules: [Shared<Rule>]

    /// The fields of `enum firewall_field`.
    private enum Field: Int, CaseIterable {
        case kind, source, destination, sourcePort, destinationPort, mac
    }

    func kinds() -> KindSection {
        var vectors = VectorStore()
        var references: [UInt64] = []
        for direction in Direction.allCases {
            for family in Family.allCases {
                references += kinds(direction, family, &vectors)
            }
        }
        let words = stride(from: 0, to: references.count, by: 2).map { references[$0] | references[$0 + 1] << 32 }
        let page = UInt32(vectors.append(words))
        return KindSection(section: RuleSection(vectors.pages), page: page)
    }

    private func kinds(_ direction: Direction, _ family: Family, _ vectors: inout VectorStore) -> [UInt64] {
        var any = RankPart()
        var named: [UInt8: RankPart] = [:]
        for (rank, rule) in rules.enumerated()
        where rule.value.directions.contains(direction) && rule.value.families.contains(family) {
            guard let protocols = rule.value.protocols else {
                any.append(rank)
                continue
            }
            for number in protocols { named[number, default: RankPart()].append(rank) }
        }
        var base = RankSet()
        base.toggle(any)
        let other = UInt64(vectors.reference(to: base))
        return (0...255).map { number in
            guard let part = named[UInt8(number)] else { return other }
            base.toggle(part)
            defer { base.toggle(part) }
            return UInt64(vectors.reference(to: base))
        }
    }

    /// - Parameters:
    ///   - values: what a rule asks of a field; nil: nothing.
    ///   - ranges: the same as numbers.
    func tree<Values: Hashable>(
        _ field: String, isNarrow: Bool, _ values: (borrowing Rule) -> Values?,
        _ ranges: (Values) -> [ClosedRange<UInt128>]
    ) throws(CompiledRules.TooManyIntervals) -> TreeSection {
        let groups = groups(values)
        let conditions = zip(groups.values, groups.rules).map { FieldCondition(ranges($0), $1) }
        return try tree(field, isNarrow: isNarrow, conditions)
    }

    /// A rule for addresses of one family has no vector in the other's tree: an empty one says that it does not match.
    func addresses(
        _ field: String, _ values: (borrowing Rule) -> [AddressRange]?
    ) throws(CompiledRules.TooManyIntervals) -> AddressSections {
        let groups = groups(values)
        func conditions(_ family: Family) -> [FieldCondition] {
            zip(groups.values, groups.rules).compactMap { values, rules in
                let ranges = values.filter { $0.family == family }.map(\.range)
                return ranges.isEmpty ? nil : FieldCondition(ranges, rules)
            }
        }
        return AddressSections(
            ipv4: try tree(field, isNarrow: true, conditions(.ipv4)),
            ipv6: try tree(field, isNarrow: false, conditions(.ipv6)))
    }

    private func tree(
        _ field: String, isNarrow: Bool, _ conditions: [FieldCondition]
    ) throws(CompiledRules.TooManyIntervals) -> TreeSection {
        var tree = SearchTree(isNarrow: isNarrow)
        guard let section = tree.section(of: conditions) else { throw CompiledRules.TooManyIntervals(field: field) }
        return section
    }

    /// Rules by what they ask of a field: with the same they are one condition, and nothing is searched or added up twice.
    private func groups<Values: Hashable>(
        _ values: (borrowing Rule) -> Values?
    ) -> (values: [Values], rules: [RankPart]) {
        var known = Dictionary<Values, Int>(minimumCapacity: rules.count)
        var groups: (values: [Values], rules: [RankPart]) = ([], [])
        for (rank, rule) in rules.enumerated() {
            guard let value = values(rule.value) else { continue }
            let place = known[value] ?? groups.values.count
            if place == groups.values.count {
                known[value] = place
                groups.values.append(value)
                groups.rules.append(RankPart())
            }
            groups.rules[place].append(rank)
        }
        return groups
    }

    /// The fields that a rule says nothing of, as bits.
    static func open(_ rule: borrowing Rule) -> UInt8 {
        func bit(_ field: Field, _ isOpen: Bool) -> UInt8 { isOpen ? 1 << UInt8(field.rawValue) : 0 }
        return bit(.source, rule.source == nil) | bit(.destination, rule.destination == nil)
            | bit(.sourcePort, rule.sourcePorts == nil)
            | bit(.destinationPort, rule.destinationPorts == nil && rule.icmpType == nil)
            | bit(.mac, rule.sourceMAC == nil)
    }

    /// Block by block a word for each field, of 8 words, and its summaries.
    func open() -> OpenSection {
        let fields = Field.allCases.count
        var words = [UInt64](repeating: 0, count: 8 * max(64, (rules.count + 4095) / 4096 * 64))
        var summary = [[UInt64]](repeating: [UInt64](repeating: 0, count: RankSet.summaryWords), count: fields)
        for (rank, rule) in rules.enumerated() {
            let (open, block) = (Self.open(rule.value), rank / 64)
            for field in 0..<fields where open >> UInt8(field) & 1 == 1 {
                words[8 * block + field] |= UInt64(1) << UInt64(rank % 64)
                summary[field][block / 64] |= UInt64(1) << UInt64(block % 64)
            }
        }
        var pages = PageStore()
        for first in stride(from: 0, to: words.count, by: PageStore.words) {
            _ = pages.append(words[first..<first + PageStore.words])
        }
        return OpenSection(section: RuleSection(pages), summary: summary)
    }

    func rulePages() -> RuleSection {
        var pages = PageStore()
        for start in stride(from: 0, to: max(rules.count, 1), by: 64) {
            var words: [UInt64] = []
            words.reserveCapacity(PageStore.words)
            for rank in start..<min(start + 64, rules.count) { words += rules[rank].value.words }
            _ = pages.append(words)
        }
        return RuleSection(pages)
    }
}

private struct DestinationPorts: Hashable {
    var ports: [ClosedRange<UInt16>]
    var icmpType: UInt8?
    var icmpCode: UInt8?

    var ranges: [ClosedRange<UInt128>] {
        guard let icmpType else { return ports.map(\.number) }
        let first = 0x10000 | UInt128(icmpType) << 8
        guard let icmpCode else { return [first...first + 255] }
        return [first + UInt128(icmpCode)...first + UInt128(icmpCode)]
    }
}

extension ClosedRange<UInt16> {
    fileprivate var number: ClosedRange<UInt128> { UInt128(lowerBound)...UInt128(upperBound) }
}

extension Rule {
    fileprivate func hasKind(of other: Rule) -> Bool {
        directions == other.directions && families == other.families && protocols == other.protocols
    }

    /// Ports and ICMP types are one field of a packet.
    fileprivate var destinationPortsOrType: DestinationPorts? {
        destinationPorts == nil && icmpType == nil
            ? nil : DestinationPorts(ports: destinationPorts ?? [], icmpType: icmpType, icmpCode: icmpCode)
    }

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
