// SPDX-License-Identifier: Apache-2.0

/// The next step for someone who wrote a name that there is not: the one that was meant, or all that there are.
public func suggestion(for name: String, among names: [String]) -> String {
    let distances = names.map { (name: $0, distance: editDistance(name.lowercased(), $0.lowercased())) }
    if let nearest = distances.min(by: { $0.distance < $1.distance }), nearest.distance <= max(2, name.count / 3),
        nearest.distance < nearest.name.count
    {
        return "did you mean '\(nearest.name)'?"
    }
    return "there are " + names.joined(separator: ", ")
}

/// How many characters to insert, delete, replace, or swap with the next one, to get from one text to the other.
private func editDistance(_ left: String, _ right: String) -> Int {
    let left = Array(left)
    let right = Array(right)
    var rows = [Array(0...right.count)]
    for (i, character) in left.enumerated() {
        var row = [i + 1]
        for (j, other) in right.enumerated() {
            var distance = min(row[j] + 1, rows[i][j + 1] + 1, rows[i][j] + (character == other ? 0 : 1))
            if i > 0, j > 0, character == right[j - 1], left[i - 1] == other {
                distance = min(distance, rows[i - 1][j - 1] + 1)
            }
            row.append(distance)
        }
        rows.append(row)
    }
    return rows[left.count][right.count]
}
