// SPDX-License-Identifier: Apache-2.0

extension TypeShape {
    /// Where another layout reads the same memory otherwise, in one sentence; nil when both read it alike. The names of
    /// structures may differ, those of their members not.
    public func difference(from other: TypeShape) -> String? {
        difference(from: other, at: "")
    }

    fileprivate func difference(from other: TypeShape, at path: String) -> String? {
        switch (self, other) {
        case (
            .structure(_, let size, let isUnion, let members),
            .structure(_, let otherSize, let otherIsUnion, let others)
        ):
            guard isUnion == otherIsUnion else { break }
            for member in members {
                let name = path.isEmpty ? member.name : path + "." + member.name
                guard let counterpart = others.first(where: { $0.name == member.name }) else {
                    return "member \(name) is not there any more"
                }
                if let difference = member.difference(from: counterpart, at: name) {
                    return difference
                }
            }
            if let added = others.first(where: { other in !members.contains { $0.name == other.name } }) {
                return "member \(path.isEmpty ? added.name : path + "." + added.name) is new"
            }
            return size == otherSize ? nil : "\(subject(path)) had \(size) bytes and has \(otherSize)"
        case (.array(let element, let count), .array(let otherElement, let otherCount)) where count == otherCount:
            return element.difference(from: otherElement, at: path + "[]")
        case (.enumeration(let size, let signed, _), .enumeration(let otherSize, let otherSigned, _)):
            // More names read the same numbers.
            guard size != otherSize || signed != otherSigned else { return nil }
        default:
            guard self != other else { return nil }
        }
        return "\(subject(path)) was \(summary) and is \(other.summary)"
    }

    private func subject(_ path: String) -> String { path.isEmpty ? "it" : "member \(path)" }

    /// As C would say it.
    private var summary: String {
        switch self {
        case .integer(let size, let signed): "\(signed ? "s" : "u")\(size * 8)"
        case .boolean: "bool"
        case .enumeration(let size, _, _): "an enum of \(size) bytes"
        case .characters(let count): "char[\(count)]"
        case .bytes(let count): "\(count) bytes"
        case .formatted(let format): "\(format) of \(size) bytes"
        case .array(let element, let count): "\(element.summary)[\(count)]"
        case .structure(let name, _, let isUnion, _): "\(isUnion ? "union" : "struct") \(name)"
        }
    }
}

extension TypeShape.Member {
    fileprivate func difference(from other: TypeShape.Member, at path: String) -> String? {
        guard offset == other.offset, bitOffset == other.bitOffset, bitSize == other.bitSize else {
            return "member \(path) was at byte \(offset) and is at byte \(other.offset)"
        }
        return shape.difference(from: other.shape, at: path)
    }
}
