// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// A value that lists share: a copy of thousands is a reference each, whatever they hold.
public final class Shared<Value: Sendable>: Sendable {
    /// What is shared.
    public let value: Value

    /// Shares a value.
    public init(_ value: Value) {
        self.value = value
    }
}

/// A long list as it was read from a configuration, with what it was read from: of the next configuration only what
/// differs is read, and those who make something of it learn where that is.
public struct ReadList<Element: Sendable>: Sendable {
    /// All of them, in the configuration's order.
    public let elements: [Shared<Element>]
    /// The elements that were read anew; all others are those of the list before.
    public let changed: Range<Int>
    /// The elements of the list before in whose place they are.
    public let replaced: Range<Int>
    private let values: [TypedValue]

    /// Whether it is the list before.
    public var isAsBefore: Bool { changed.isEmpty && replaced.isEmpty }

    /// An empty one.
    public init() {
        (elements, changed, replaced, values) = ([], 0..<0, 0..<0, [])
    }

    init(
        _ values: [TypedValue], at pointer: String, _ format: ConfigFormat<Element>, after previous: ReadList<Element>
    ) throws(ConfigError) {
        let (changed, replaced) = values.difference(from: previous.values)
        var read: [Shared<Element>] = []
        read.reserveCapacity(changed.count)
        for index in changed {
            read.append(Shared(try format.read(values[index], "\(pointer)/\(index)")))
        }
        var elements = previous.elements
        elements.replaceSubrange(replaced, with: read)
        self.elements = elements
        self.changed = changed
        self.replaced = replaced
        self.values = values
    }
}

extension ConfigFormat {
    /// A list of many elements, of which a change of the configuration leaves most as they are.
    ///
    /// - Parameter previous: the list of the configuration before.
    public static func list<Element>(
        of format: ConfigFormat<Element>, after previous: ReadList<Element>?
    ) -> ConfigFormat where Value == ReadList<Element> {
        let list = ConfigFormat<[Element]>.list(of: format)
        return ConfigFormat(list.name, schema: list.schema, members: list.members, sample: { ReadList() }) {
            (value, pointer) throws(ConfigError) in
            try ReadList(try value.listElements(at: pointer), at: pointer, format, after: previous ?? ReadList())
        }
    }
}

extension TypedValue {
    func listElements(at pointer: String) throws(ConfigError) -> [TypedValue] {
        switch self {
        case .array(let values): return values
        // A list whose key has nothing behind it, as YAML files often have.
        case .null: return []
        default: throw .type(pointer, expected: "a list", found: self)
        }
    }
}
