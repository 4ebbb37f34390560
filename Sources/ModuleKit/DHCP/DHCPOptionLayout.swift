// SPDX-License-Identifier: Apache-2.0

/// Lays options out in the fields of a message, each of which ends with the end option.
struct DHCPOptionLayout {
    private let room: Int
    private let fileRoom: Int
    private let nameRoom: Int

    /// The options field.
    private(set) var main: [UInt8] = []
    /// What lies in `file`; nil when no options do.
    private(set) var file: [UInt8]?
    /// What lies in `sname`; nil when no options do.
    private(set) var name: [UInt8]?

    /// - Parameters:
    ///   - room: bytes of the options field.
    ///   - fileRoom: bytes of `file`; 0 when it is taken.
    ///   - nameRoom: bytes of `sname`; 0 when it is taken.
    init(room: Int, fileRoom: Int, nameRoom: Int) {
        self.room = room
        self.fileRoom = fileRoom
        self.nameRoom = nameRoom
    }

    mutating func place(_ options: DHCPOptions) {
        let encoded = options.codes.map { Self.encode($0, options[$0] ?? []) }
        let end = DHCPOption.end.rawValue
        if encoded.reduce(1, { $0 + $1.count }) <= room {
            main = encoded.flatMap { $0 } + [end]
            return
        }
        // Option 52 takes three bytes.
        let left = Self.fill(&main, encoded, room: room - 4)
        var fileBytes: [UInt8] = []
        let rest = Self.fill(&fileBytes, left, room: fileRoom - 1)
        var nameBytes: [UInt8] = []
        _ = Self.fill(&nameBytes, rest, room: nameRoom - 1)
        file = fileBytes.isEmpty ? nil : fileBytes + [end]
        name = nameBytes.isEmpty ? nil : nameBytes + [end]
        let overload: UInt8 = (file == nil ? 0 : 1) | (name == nil ? 0 : 2)
        if overload != 0 {
            main += [DHCPOption.overload.rawValue, 1, overload]
        }
        main.append(end)
    }

    /// Puts those that fit into a field, and gives the others.
    private static func fill(_ field: inout [UInt8], _ options: [[UInt8]], room: Int) -> [[UInt8]] {
        options.filter { option in
            guard field.count + option.count <= room else { return true }
            field += option
            return false
        }
    }

    /// What is longer than 255 bytes is split (RFC 3396, section 6).
    private static func encode(_ code: DHCPOption, _ value: [UInt8]) -> [UInt8] {
        guard value.count > 255 else { return [code.rawValue, UInt8(value.count)] + value }
        return stride(from: 0, to: value.count, by: 255).flatMap { start in
            let part = value[start..<min(start + 255, value.count)]
            return [code.rawValue, UInt8(part.count)] + part
        }
    }
}
