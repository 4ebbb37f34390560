// SPDX-License-Identifier: Apache-2.0

extension Model {
    /// The most tail calls that the kernel lets one packet make (`MAX_TAIL_CALL_CNT`, include/linux/bpf.h).
    static let maxTailCalls = 33

    /// How many links a search for the longest way looks at. Densely meshed modules have more ways than can be tried;
    /// a packet that does run too far ends in a drop counted as `loop`.
    private static let searchBudget = 100_000

    /// Refuses a link over which a packet could need more tail calls than the kernel allows.
    func checkPaths(over link: LinkRecord) throws(HoverError) {
        for reversed in [false, true] {
            let (from, to) = reversed ? (link.to.node, link.from.node) : (link.from.node, link.to.node)
            var budget = Self.searchBudget
            var visited: Set<String> = [from, to]
            let before = isModule(from) ? longestWay(from: from, backwards: true, &visited, &budget) + 1 : 0
            let after = isModule(to) ? longestWay(from: to, backwards: false, &visited, &budget) : 0
            let calls = before + policies(on: .link(link.id, reversed: reversed)).count + 1 + after
            guard calls <= Self.maxTailCalls else {
                throw HoverError(
                    .conflict,
                    "the link from \(from) to \(to) would make a chain of \(calls) hops, and the kernel follows "
                        + "\(Self.maxTailCalls): put less in one chain")
            }
        }
    }

    private func isModule(_ node: String) -> Bool { node.hasPrefix("m:") }

    /// The tail calls of the longest way on from a module (or, backwards, to it) that enters no module twice. The call
    /// that enters the module itself is not counted.
    private func longestWay(
        from node: String, backwards: Bool, _ visited: inout Set<String>, _ budget: inout Int
    ) -> Int {
        var longest = 0
        for (next, policies) in neighbours(of: node, backwards: backwards) where !visited.contains(next) {
            budget -= 1
            guard budget > 0 else { return longest }
            var calls = policies
            if isModule(next) {
                visited.insert(next)
                calls += 1 + longestWay(from: next, backwards: backwards, &visited, &budget)
                visited.remove(next)
            } else if !backwards {
                calls += 1
            }
            longest = max(longest, calls)
            guard longest <= Self.maxTailCalls else { return longest }
        }
        return longest
    }

    /// The nodes that the links of a node lead to (or, backwards, come from), each with the policies on the way: of
    /// several links to one node the way with the most, so that the others need not be tried.
    private func neighbours(of node: String, backwards: Bool) -> [String: Int] {
        var neighbours: [String: Int] = [:]
        for id in links(of: node) {
            guard let link = links[id] else { continue }
            let beginsHere = link.from.node == node
            let count = policies(on: .link(id, reversed: beginsHere == backwards)).count
            neighbours[beginsHere ? link.to.node : link.from.node, default: 0].raise(to: count)
        }
        return neighbours
    }
}

extension Int {
    fileprivate mutating func raise(to other: Int) { self = Swift.max(self, other) }
}
