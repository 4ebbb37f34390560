// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HoverAPI
import TestSupport
import TypedValue

/// Module type `firewall` at a router's port, beside nftables in the forward chain of the kernel's routing.
///
/// Beside nftables both are without connections, so that each packet is for the rules: those ask only for addresses,
/// protocol and port, and count what they match. Rules are for what comes from one side, where the last one accepts what is
/// measured; what comes back crosses the firewall and meets no rule. What the rules cost is measured beside a firewall
/// without any, both as a firewall is without further configuration (it follows connections, and looks up only what
/// begins one), and both without connections. Flows differ in their source ports; where one of the rules asks for these,
/// a CPU remembers what it decided on most of 1,000 flows, and of 20,000 on none.
struct FirewallBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "firewall",
        abstract:
            "Stateless rules, of which the last one matches, beside nftables as a list and as a set of intervals.",
        discussion: "And what it takes to load 10,000 rules, and to change one among them.")

    @Option(help: "Runs of each, alternating.")
    var rounds = 5

    @Option(help: "Seconds of each run of TCP.")
    var seconds = 1

    @Option(help: "Changes of one rule.")
    var changes = 21

    func run() async throws {
        var report = Report(bench: "firewall", ours: "hover", peer: "nftables")
        try await measureChanges(in: &report)
        try await HoverDaemon.with { daemon in
            try await Self.measure(
                FirewallField(daemon), rounds: rounds, seconds: seconds, in: &report)
        }
        try report.finish()
    }

    private static func measure(
        _ field: FirewallField, rounds: Int, seconds: Int, in report: inout Report
    ) async throws {
        try await field.prepare()
        for (count, bar) in [(1000, 2.0), (10_000, 8.0)] {
            let rules = BenchRules(count: count)
            try await field.addFirewall("with-\(count)", rules.config)
            let ours = field.hover("with-\(count)")
            try await field.measure(
                "\(count) rules, nft list: ", ours: ours, peer: field.kernel(rules.list), bare: field.bare, bar: bar,
                // A list takes its time with each packet.
                packets: 100_000_000 / count, rounds, seconds, in: &report)
            try await field.measure(
                "\(count) rules, nft set: ", ours: ours, peer: field.kernel(rules.set), bar: 1,
                packets: Contest.packets, rounds, seconds, in: &report)
        }
        try await field.addFirewall("without", [:])
        try await field.addFirewall("stateful", BenchRules(count: 10_000).config, looksUpAll: false)
        try await field.addFirewall("stateful-without", [:], looksUpAll: false)
        for (name, ours, peer) in [
            ("10000 rules, peer none, connections: ", "stateful", "stateful-without"),
            ("10000 rules, peer none, stateless: ", "with-10000", "without"),
        ] {
            try await field.measure(
                name, ours: field.hover(ours), peer: field.hover(peer), bar: 0.95, packets: Contest.packets,
                // They are close to each other.
                flows: [1, 20_000], 3 * rounds, seconds, in: &report)
        }
        try await field.addFirewall("asking-for-flows", BenchRules(count: 10_000, asksForSourcePort: true).config)
        let contest = try await field.contest(
            ours: field.hover("asking-for-flows"), peer: field.hover("without"), rounds, seconds)
        for flows in [1000, 20_000] {
            try await field.measureSmallPackets(
                "10000 rules, peer none, stateless, one asks for source ports: ", contest, packets: Contest.packets,
                flows: flows, in: &report)
        }
    }

    /// On a disk, as in earnest.
    private func measureChanges(in report: inout Report) async throws {
        let rules = BenchRules(count: 10_000)
        try await LastingDaemon.with { daemon in
            try await daemon.start()
            let loading = try await timed {
                try await daemon.client.createModule(
                    ModuleRequest(name: "firewall", type: "firewall", config: rules.config))
            }
            let loadingPhases = daemon.phases(of: "create module firewall")
            let peerLoading = try await timed { try await daemon.network.load(rules.list) }
            report.add(
                "load 10000 rules", ours: loading.milliseconds, peer: peerLoading.milliseconds, unit: "ms",
                better: .lower, bar: .value(1000))
            Self.add(loadingPhases, of: loading.milliseconds, to: &report)
            let handle = try await daemon.network.handleOfRule(rules.nftRule(5000))
            var changing = PhaseFigures()
            var peers: [Double] = []
            for round in 0..<changes {
                let other = rules.rule(5000, port: 1000 + round)
                let taken = try await timed {
                    try await daemon.client.setElement("r5000", to: other, of: "rules", in: "firewall")
                }
                changing.add(taken.milliseconds, daemon.phases(of: "set rules/r5000 of module firewall"))
                let text = rules.nftRule(5000, port: 1000 + round)
                peers.append(
                    try await timed {
                        try await daemon.network.load("replace rule ip bench acl handle \(handle) \(text)")
                    }.milliseconds)
            }
            report.add(
                "change 1 of 10000", ours: median(changing.whole), peer: median(peers), unit: "ms", better: .lower,
                bar: .value(10))
            Self.add(
                changing.parts.map { ($0.name, median($0.milliseconds)) }, of: median(changing.whole), to: &report)
        }
    }

    /// What the daemon's log says that the parts took; the rest is the request's and the answer's.
    private static func add(
        _ phases: [(name: String, milliseconds: Double)], of whole: Double, to report: inout Report
    ) {
        let rest = whole - phases.map(\.milliseconds).reduce(0, +)
        for (name, value) in [(name: "HTTP and JSON", milliseconds: rest)] + phases where value > 0 {
            report.add("· " + name, ours: value, unit: "ms", better: .lower)
        }
    }
}

/// Of several changes, the whole and its parts.
private struct PhaseFigures {
    var whole: [Double] = []
    var parts: [(name: String, milliseconds: [Double])] = []

    mutating func add(_ milliseconds: Double, _ phases: [(name: String, milliseconds: Double)]) {
        whole.append(milliseconds)
        for (name, value) in phases {
            if let index = parts.firstIndex(where: { $0.name == name }) {
                parts[index].milliseconds.append(value)
            } else {
                parts.append((name, [value]))
            }
        }
    }
}

/// Two hosts behind a router, and who filters between them.
private struct FirewallField {
    let daemon: HoverDaemon

    init(_ daemon: HoverDaemon) {
        self.daemon = daemon
    }

    private var network: Network { daemon.network }
    private var left: TestHost { TestHost(namespace: "\(network.name)-left", interface: "left") }
    private var right: TestHost { TestHost(namespace: "\(network.name)-right", interface: "right") }
    private let serverAddress = "10.0.2.2"

    func prepare() async throws {
        try await network.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        for (name, number) in [("left", 1), ("right", 2)] {
            let host = try await network.addHost(name, address: "10.0.\(number).2/24")
            try await network.ip("address", "add", "10.0.\(number).1/24", "dev", name)
            try await host.run("ip", "route", "add", "default", "via", "10.0.\(number).1")
        }
    }

    /// A router with a firewall at its first port. It has the interfaces' own addresses, so that hosts need not learn
    /// others when turns change.
    ///
    /// - Parameter looksUpAll: whether it asks the rules of each packet; else it follows connections.
    func addFirewall(_ name: String, _ config: [String: TypedValue], looksUpAll: Bool = true) async throws {
        var interfaces: [TypedValue] = []
        for (interface, number) in [("left", 1), ("right", 2)] {
            interfaces.append([
                "name": .string(interface), "addresses": [.string("10.0.\(number).1/24")],
                "mac": .string("\(try await network.ethernetAddress(of: interface))"),
            ])
        }
        _ = try await daemon.client.createModule(
            ModuleRequest(name: "router-" + name, type: "router", config: ["interfaces": .array(interfaces)]))
        var config = config
        if looksUpAll {
            for key in ["accept_established", "drop_invalid"] { config[key] = false }
        }
        _ = try await daemon.client.createModule(
            ModuleRequest(
                name: name, type: "firewall", placements: [Placement(node: "router-" + name, port: 1)], config: config))
    }

    func hover(_ name: String) -> Contest.Side {
        .linked(
            daemon.client, [("left", "router-" + name, 1), ("right", "router-" + name, 2)], warmingUp: left,
            serverAddress)
    }

    func kernel(_ rules: String) -> Contest.Side {
        Contest.Side(
            begin: {
                try await network.load(rules)
                try await warmUp(left, serverAddress)
            },
            end: { try await network.load("flush ruleset") })
    }

    /// Neither router nor rules.
    var bare: Contest.Side { .bare(network, from: (left, "10.0.1.2"), to: (right, serverAddress)) }

    /// As `Contest.measure`, with a number of small packets that the slower one can manage, of one flow and of more.
    func measure(
        _ name: String, ours: Contest.Side, peer: Contest.Side, bare: Contest.Side? = nil, bar: Double, packets: Int,
        flows: [Int] = [1], _ rounds: Int, _ seconds: Int, in report: inout Report
    ) async throws {
        let contest = try await contest(ours: ours, peer: peer, bare: bare, rounds, seconds)
        try await right.servingIperf {
            for offloads in ["on", "off"] {
                try await network.setOffloads(offloads, of: [left, right])
                let figures = try await contest.alternate {
                    try await left.throughput(to: serverAddress, seconds: seconds)
                }
                contest.add("\(name)TCP, offloads \(offloads)", figures, unit: "Gbit/s", bar: bar, to: &report)
            }
        }
        try await network.setOffloads("on", of: [left, right])
        for flows in flows {
            try await measureSmallPackets(name, contest, packets: packets, flows: flows, bar: bar, in: &report)
        }
    }

    func contest(
        ours: Contest.Side, peer: Contest.Side, bare: Contest.Side? = nil, _ rounds: Int, _ seconds: Int
    ) async throws -> Contest {
        let frame = smallPacket(
            from: (try await left.ethernetAddress(), .init(ipv4: 0x0a00_0102)),
            to: (try await network.ethernetAddress(of: "left"), .init(ipv4: 0x0a00_0202)))
        return Contest(
            network: network, client: left, server: right, serverAddress: serverAddress, frame: frame, ours: ours,
            peer: peer, bare: bare, rounds: rounds, seconds: seconds)
    }

    func measureSmallPackets(
        _ name: String, _ contest: Contest, packets: Int, flows: Int, bar: Double? = nil, in report: inout Report
    ) async throws {
        try await contest.dropSmallPackets {
            let program = try contest.deliver(flows: flows, hosts: 1)
            let figures = try await contest.alternate { try await contest.packetRate(program, packets: packets) }
            let kind = flows == 1 ? "64-byte UDP" : "64-byte UDP, \(flows) flows"
            contest.add(name + kind, figures, unit: "Mpps", bar: bar, to: &report)
        }
    }
}

/// The same rules for both: many that drop, each from a network of its own, and one at the end that accepts.
private struct BenchRules {
    let count: Int
    /// Whether the first rule asks for the packet's source port too.
    var asksForSourcePort = false

    private static let lastSource = "10.0.1.2/32"

    private func source(_ index: Int) -> String {
        let address = 0x6440_0000 + 8 * index
        return "100.\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)/\(29 + index % 4)"
    }

    private func destination(_ index: Int) -> String { "10.\(index % 16).2.0/24" }

    private func transport(_ index: Int) -> String { index.isMultiple(of: 3) ? "udp" : "tcp" }

    private func port(_ index: Int) -> Int { [9, 22, 25, 53, 80, 123, 443, 5201][index / 16 % 8] }

    func rule(_ index: Int, port: Int? = nil) -> TypedValue {
        [
            "id": .string("r\(index)"), "action": "drop", "direction": "ingress", "source": .string(source(index)),
            "destination": .string(destination(index)), "protocol": .string(transport(index)),
            "destination_ports": TypedValue(port ?? self.port(index)),
        ]
    }

    var config: [String: TypedValue] {
        let last: TypedValue = [
            "id": "last", "action": "accept", "direction": "ingress", "source": .string(Self.lastSource),
        ]
        var rules = (0..<count - 1).map { rule($0) } + [last]
        if asksForSourcePort, case .object(var first) = rules[0] {
            first["source_ports"] = 68
            rules[0] = .object(first)
        }
        return ["default": ["ingress": "drop", "egress": "accept"], "rules": .array(rules)]
    }

    func nftRule(_ index: Int, port: Int? = nil) -> String {
        "ip saddr \(source(index)) ip daddr \(destination(index)) \(transport(index)) dport \(port ?? self.port(index)) "
            + "counter drop"
    }

    /// One rule after the other.
    var list: String {
        table(
            """
            chain acl {
            \((0..<count - 1).map { nftRule($0) }.joined(separator: "\n"))
            ip saddr \(Self.lastSource) counter accept
            drop
            }
            """)
    }

    /// All of them in one map of intervals, which counts too.
    var set: String {
        let elements = (0..<count - 1).map {
            "\(source($0)) . \(destination($0)) . \(transport($0)) . \(port($0)) : drop"
        }
        return table(
            """
            map rules {
                type ipv4_addr . ipv4_addr . inet_proto . inet_service : verdict
                flags interval
                counter
                elements = { \(elements.joined(separator: ",\n")), \(Self.lastSource) . 0.0.0.0/0 . 0-255 . 0-65535 : accept }
            }
            chain acl {
                ip saddr . ip daddr . meta l4proto . th dport vmap @rules
                drop
            }
            """)
    }

    private func table(_ body: String) -> String {
        """
        table ip bench {
        \(body)
        chain forward {
            type filter hook forward priority filter; policy accept;
            iifname "left" jump acl
        }
        }
        """
    }
}

extension Network {
    /// The handle by which nftables knows a rule.
    fileprivate func handleOfRule(_ rule: String) async throws -> Int {
        // As it shows rules: with what has happened to them, and the names of services left out.
        let source = rule.split(separator: " ")[2]
        let listed = try await run("nft", "-a", "-n", "list", "chain", "ip", "bench", "acl")
        let line = listed.split(separator: "\n").first { $0.contains("ip saddr \(source) ") }
        guard let handle = line.flatMap({ Int($0.split(separator: " ").last ?? "") }) else {
            throw CommandFailure(command: ["nft", "list", "chain"], status: "no rule \(rule)", output: "")
        }
        return handle
    }
}
