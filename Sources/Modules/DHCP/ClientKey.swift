// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// What tells one client from another: its identifier if it sends one, else its hardware address (RFC 2131, section 4.2).
struct ClientKey: Sendable, Hashable, CustomStringConvertible {
    /// Whether it is an identifier.
    let isIdentifier: Bool
    /// The identifier, or the hardware type and address.
    let bytes: [UInt8]

    init(identifier: [UInt8]) {
        isIdentifier = true
        bytes = identifier
    }

    init(hardwareType: UInt8, address: [UInt8]) {
        isIdentifier = false
        bytes = [hardwareType] + address
    }

    init(_ mac: MACAddress) {
        self.init(hardwareType: 1, address: mac.bytes)
    }

    /// Nil for a message that says nothing of its client.
    init?(_ message: DHCPMessage) {
        // Shorter ones are no identifiers (RFC 2132, section 9.14).
        if let identifier = message.options[.clientIdentifier], (2...255).contains(identifier.count) {
            self.init(identifier: identifier)
        } else if !message.hardwareAddress.isEmpty {
            self.init(hardwareType: message.hardwareType, address: message.hardwareAddress)
        } else {
            return nil
        }
    }

    /// The identifier: bytes in hexadecimal digits with colons. Nil for a client without one.
    var identifier: String? { isIdentifier ? Self.text(bytes) : nil }

    static func text(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }

    /// `01:52:54:00:00:00:01`, two digits a byte and two bytes at least.
    static func bytes(_ text: String) -> [UInt8]? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part in
            part.utf8.count == 2 && part.allSatisfy(\.isHexDigit) ? UInt8(part, radix: 16) : nil
        }
        return bytes.count == parts.count && bytes.count >= 2 ? bytes : nil
    }

    var description: String { identifier.map { "client \($0)" } ?? Self.text(bytes.dropFirst()) }
}

extension ConfigFormat where Value == [UInt8] {
    /// Bytes with colons, or any other text for the bytes of its letters.
    static var clientIdentifier: ConfigFormat {
        .text(
            "a client identifier: bytes like 01:52:54:00:00:00:01, or a text", sample: [1, 0x52, 0x54, 0, 0, 0, 1]
        ) { text in
            let bytes = ClientKey.bytes(text) ?? Array(text.utf8)
            return (2...255).contains(bytes.count) ? bytes : nil
        }
    }
}
