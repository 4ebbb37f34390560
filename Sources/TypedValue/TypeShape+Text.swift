// SPDX-License-Identifier: Apache-2.0

extension TypeShape {
    /// Reads a value from a URL or a command line: `5`, `0x5`, `10.0.0.1`, `aa:bb:cc:dd:ee:ff`, the name of an
    /// enumeration's value, bare text for characters, or JSON.
    ///
    /// - Returns: the value as `decode` would show it.
    /// - Throws: when the text does not fit.
    public func parse(text: String) throws(TypeMismatch) -> TypedValue {
        try decode(try encode(written(text)))
    }

    private func written(_ text: String) throws(TypeMismatch) -> TypedValue {
        switch self {
        case .array, .structure:
            guard let value = try? TypedValue(json: text) else {
                throw TypeMismatch(
                    path: "", expected: "\(expectation), as JSON", found: TypedValue.string(text).excerpt)
            }
            return value
        default:
            // An array of numbers is longer than the characters it stands for, so it is never such text itself.
            guard text.hasPrefix("\"") || text.hasPrefix("["), let value = try? TypedValue(json: text),
                (try? encode(value)) != nil
            else { return .string(text) }
            return value
        }
    }

    /// The value for people, and for `parse(text:)`: strings bare, all else as compact JSON.
    public func text(of value: TypedValue) -> String {
        // What looks quoted already is quoted once more, so that it is read back as it is.
        guard case .string(let text) = value, !text.hasPrefix("\"") else { return value.description }
        return text
    }
}
