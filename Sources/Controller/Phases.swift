// SPDX-License-Identifier: Apache-2.0

/// How long the parts of something took, for the log: benches read it there.
struct Phases {
    private var last = ContinuousClock.now
    private var parts: [(name: String, duration: Duration)] = []

    /// What came since the one before was this.
    mutating func end(_ name: String) {
        let now = ContinuousClock.now
        parts.append((name, now - last))
        last = now
    }

    /// `store 1.2 ms, planning 3.4 ms`.
    var text: String {
        parts.map { part in
            let microseconds = part.duration / .microseconds(1)
            return "\(part.name) \((microseconds / 10).rounded() / 100) ms"
        }
        .joined(separator: ", ")
    }
}
