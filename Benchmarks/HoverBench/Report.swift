// SPDX-License-Identifier: Apache-2.0

import Foundation

/// One case of a bench, a line of `.build/bench/<bench>.jsonl`.
struct Case: Encodable {
    /// Which way a figure improves.
    enum Better: String, Encodable {
        case higher, lower
    }

    /// What is asked of a case.
    enum Bar {
        /// `ours/peer` at most, or at least, this.
        case ratio(Double)
        /// `ours` at most, or at least, this.
        case value(Double)
    }

    var bench: String
    var name: String
    var ours: Double
    /// What the peer did in the same run; nil where there is none.
    var peer: Double?
    var unit: String
    var better: Better
    var bar: Bar?

    /// `ours/peer`.
    var ratio: Double? { peer.map { ours / $0 } }

    /// Whether the bar is reached; nil where there is none.
    var reached: Bool? {
        switch bar {
        case nil: nil
        case .ratio(let asked): ratio.map { better == .lower ? $0 <= asked : $0 >= asked }
        case .value(let asked): better == .lower ? ours <= asked : ours >= asked
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(bench, forKey: .bench)
        try container.encode(name, forKey: .case)
        try container.encode(ours, forKey: .ours)
        try container.encode(peer, forKey: .peer)
        try container.encode(ratio, forKey: .ratio)
        try container.encode(unit, forKey: .unit)
        try container.encode(better, forKey: .better)
        switch bar {
        case .ratio(let asked), .value(let asked): try container.encode(asked, forKey: .bar)
        case nil: try container.encodeNil(forKey: .bar)
        }
    }

    enum CodingKeys: String, CodingKey {
        case bench, `case`, ours, peer, ratio, unit, better, bar
    }
}

/// The cases of one bench, shown as a table and kept as lines of JSON.
struct Report {
    let bench: String
    /// What the two columns are.
    let ours: String
    let peer: String?
    private(set) var cases: [Case] = []

    init(bench: String, ours: String, peer: String? = nil) {
        self.bench = bench
        self.ours = ours
        self.peer = peer
    }

    mutating func add(
        _ name: String, ours: Double, peer: Double? = nil, unit: String, better: Case.Better, bar: Case.Bar? = nil
    ) {
        cases.append(
            Case(bench: bench, name: name, ours: ours, peer: peer, unit: unit, better: better, bar: bar))
    }

    /// Prints the table and writes `.build/bench/<bench>.jsonl` under the current folder.
    func finish() throws {
        print(table())
        let folder = URL(filePath: ".build/bench")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let lines = try cases.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
        try lines.joined().write(to: folder.appending(path: "\(bench).jsonl"), atomically: true, encoding: .utf8)
    }

    private func table() -> String {
        let header = [bench, ours] + (peer.map { [$0, "ratio"] } ?? []) + ["unit", "asked", ""]
        let rows = cases.map { one in
            [one.name, Self.text(one.ours)] + (peer == nil ? [] : [Self.text(one.peer), Self.text(one.ratio)])
                + [one.unit, Self.text(one), one.reached.map { $0 ? "reached" : "MISSED" } ?? ""]
        }
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        return ([header] + rows).map { row in
            zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
                .trimmingCharacters(in: .whitespaces)
        }
        .joined(separator: "\n")
    }

    private static func text(_ value: Double?) -> String {
        guard let value else { return "-" }
        return String(format: value < 10 ? "%.3f" : "%.1f", value)
    }

    private static func text(_ one: Case) -> String {
        let sign = one.better == .lower ? "<=" : ">="
        switch one.bar {
        case .ratio(let asked): return "ratio \(sign) \(asked)"
        case .value(let asked): return "\(sign) \(asked) \(one.unit)"
        case nil: return ""
        }
    }
}

/// The middle one of several figures; of an even number the mean of the two in the middle.
func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard let last = sorted.last else { return .nan }
    let middle = sorted.count / 2
    return sorted.count.isMultiple(of: 2)
        ? (sorted[middle - 1] + (middle < sorted.count ? sorted[middle] : last)) / 2
        : sorted[middle]
}

/// Milliseconds that `body` took, and its result.
func timed<Result>(_ body: () async throws -> Result) async rethrows -> (milliseconds: Double, result: Result) {
    let start = ContinuousClock.now
    let result = try await body()
    let taken = (ContinuousClock.now - start).components
    return (Double(taken.seconds) * 1e3 + Double(taken.attoseconds) / 1e15, result)
}

/// A C source beside this file.
func source(_ name: String, file: String = #filePath) throws -> String {
    try String(contentsOf: URL(filePath: file).deletingLastPathComponent().appending(path: name), encoding: .utf8)
}
