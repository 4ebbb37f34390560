// SPDX-License-Identifier: Apache-2.0

/// Rows for people, below each other in columns.
struct TextTable: Hashable {
    /// Headers, in capitals.
    var columns: [String]
    /// As many cells in each row as there are columns. What is empty is shown as `-`.
    var rows: [[String]]

    func rendered(coloured: Bool) -> String {
        let cells = rows.map { row in row.map { $0.isEmpty ? "-" : $0.escapedForTerminal() } }
        let widths = columns.indices.map { column in
            cells.reduce(columns[column].displayWidth) { max($0, $1[column].displayWidth) }
        }
        var text = Colour.bold.paint(Self.line(columns, widths), if: coloured) + "\n"
        for row in cells { text += Self.line(row, widths) + "\n" }
        return text
    }

    private static func line(_ cells: [String], _ widths: [Int]) -> String {
        var line = ""
        for (cell, width) in zip(cells, widths) {
            line += cell + String(repeating: " ", count: width - cell.displayWidth + 3)
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}
