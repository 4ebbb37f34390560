// SPDX-License-Identifier: Apache-2.0

import Yams

/// Where something stands in a manifest. Lines and columns are counted from 1, columns in characters.
struct SourcePlace: Hashable, CustomStringConvertible {
    var file: String
    var line: Int
    var column: Int

    var description: String { "\(file):\(line):\(column)" }
}

extension SourcePlace {
    init(_ mark: Mark?, in file: String) {
        self.init(file: file, line: mark?.line ?? 1, column: mark?.column ?? 1)
    }
}

/// Something that is wrong in a manifest.
struct ManifestError: Error, Hashable {
    var place: SourcePlace
    var message: String
}

/// All that is wrong in a manifest, file after file and from top to bottom.
struct ManifestErrors: Error, Hashable {
    var errors: [ManifestError]

    func rendered(coloured: Bool) -> String {
        let lines = errors.map { placedLine($0.place, $0.message, coloured: coloured) }
        let count = errors.count == 1 ? "an error" : "\(errors.count) errors"
        return lines.joined() + errorLine("the manifest has \(count): nothing was sent", coloured: coloured)
    }
}

/// One line for standard error, with the place that it is about: `hover.yaml:3:5: …`.
func placedLine(_ place: SourcePlace, _ message: String, coloured: Bool) -> String {
    Colour.bold.paint("\(place)".escapedForTerminal() + ":", if: coloured) + " \(message.escapedForTerminal())\n"
}
