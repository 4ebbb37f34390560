// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

extension TestHost {
    /// Runs `body` while this host answers iperf3's.
    func servingIperf(_ body: () async throws -> Void) async throws {
        let pidFile = "/tmp/\(namespace)-iperf3.pid"
        try await run("iperf3", "-s", "-D", "-I", pidFile)
        defer {
            // iperf3 ends the file with a zero byte.
            let text = (try? String(contentsOfFile: pidFile, encoding: .utf8)) ?? ""
            if let process = Int32(text.prefix { $0.isNumber }) {
                kill(process, SIGTERM)
            }
            try? FileManager.default.removeItem(atPath: pidFile)
        }
        try await wait(for: "iperf3") { FileManager.default.fileExists(atPath: pidFile) }
        try await body()
    }

    /// Gbit/s of one TCP stream to a host that serves.
    func throughput(to address: String, seconds: Int) async throws -> Double {
        let printed = try await run("iperf3", "-J", "-c", address, "-t", "\(seconds)", "-O", "0.5")
        let answer = try JSONDecoder().decode(IperfReport.self, from: Data(printed.utf8))
        return answer.end.sum_received.bits_per_second / 1e9
    }
}

extension Network {
    /// Sets what interfaces leave to the hardware, or to the stack at the end, for both ends of some hosts' veths.
    func setOffloads(_ state: String, of hosts: [TestHost]) async throws {
        for host in hosts {
            try await host.run("ethtool", "-K", "eth0", "tso", state, "gso", state, "gro", state)
            try await run("ethtool", "-K", host.interface, "tso", state, "gso", state, "gro", state)
        }
    }
}

/// What benches read of iperf3's JSON.
private struct IperfReport: Decodable {
    struct End: Decodable {
        struct Sum: Decodable {
            let bits_per_second: Double
        }
        let sum_received: Sum
    }
    let end: End
}
