// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

@main
struct HoverBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "HoverBench",
        abstract: "Measures Hover beside a peer, or beside the bare limit, in the same run.",
        discussion: "Each bench prints a table and writes .build/bench/<bench>.jsonl, one object a case.",
        subcommands: [
            ApplyBench.self, FirewallBench.self, FloodBench.self, GatewayBench.self, HopBench.self, InjectBench.self,
            NATBench.self, PuntBench.self, RestartBench.self, RouterBench.self, ScaleBench.self, SwitchBench.self,
            WireBench.self, XDPBench.self,
        ])
}
