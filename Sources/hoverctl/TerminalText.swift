// SPDX-License-Identifier: Apache-2.0

extension String {
    /// The text with all that a terminal would obey instead of show written as `\n`, `\u001b`: names and messages come
    /// from whoever uses hoverd, and could otherwise rewrite the screen.
    ///
    /// The notation is JSON's and YAML's too, so that a document in either stays the same document.
    func escapedForTerminal(keeping kept: Set<Unicode.Scalar> = []) -> String {
        guard unicodeScalars.contains(where: { $0.controlsTerminals && !kept.contains($0) }) else { return self }
        var escaped = ""
        for scalar in unicodeScalars {
            switch scalar {
            case _ where !scalar.controlsTerminals || kept.contains(scalar): escaped.unicodeScalars.append(scalar)
            case "\n": escaped += "\\n"
            case "\r": escaped += "\\r"
            case "\t": escaped += "\\t"
            default:
                let digits = String(scalar.value, radix: 16)
                escaped += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            }
        }
        return escaped
    }

    /// How many columns of a terminal the text takes.
    var displayWidth: Int {
        reduce(0) { $0 + ($1.isWide ? 2 : 1) }
    }
}

extension Unicode.Scalar {
    /// C0 and C1 controls, line separators, and what reverses the direction of text.
    var controlsTerminals: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: properties.isBidiControl
        }
    }
}

extension Character {
    /// Whether terminals give it two columns: East Asian wide and full-width characters (UAX #11), and emoji.
    fileprivate var isWide: Bool {
        guard let first = unicodeScalars.first else { return false }
        switch first.value {
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f,
            0xff00...0xff60, 0xffe0...0xffe6, 0x20000...0x3fffd:
            return true
        default:
            return first.properties.isEmojiPresentation
        }
    }
}

/// SGR codes (ECMA-48, 8.3.117).
enum Colour: String {
    case bold = "1"
    case red = "1;31"
    case green = "1;32"
    case magenta = "1;35"
    case cyan = "1;36"

    func paint(_ text: some StringProtocol, if wanted: Bool) -> String {
        wanted ? "\u{1b}[\(rawValue)m\(text)\u{1b}[0m" : String(text)
    }
}

/// One line for standard error.
func errorLine(_ message: String, coloured: Bool) -> String {
    Colour.red.paint("error:", if: coloured) + " \(message.escapedForTerminal())\n"
}
