// SPDX-License-Identifier: Apache-2.0

/// The flows that were asked for last, a bounded number of them: at least half as many as there may be, and those that were
/// not asked for since then are forgotten, all at once.
struct RecentFlows<Value> {
    private var young: [FlowKey: Value] = [:]
    private var old: [FlowKey: Value] = [:]
    private let half: Int

    init(most: Int) {
        half = max(most / 2, 1)
    }

    var count: Int { young.count + old.count }

    subscript(key: FlowKey) -> Value? {
        mutating get {
            if let value = young[key] {
                return value
            }
            guard let value = old.removeValue(forKey: key) else { return nil }
            self[key] = value
            return value
        }
        set {
            if young.count >= half, young[key] == nil {
                old = young
                young = [:]
            }
            young[key] = newValue
        }
    }
}
