// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// An option that is sent as it is configured.
struct CustomOption: Sendable, Hashable {
    let code: DHCPOption
    let value: [UInt8]
    /// Whether clients get it that do not ask for it.
    let isAlwaysSent: Bool

    init(_ config: ConfigReader) throws(ConfigError) {
        let number = try config.required("code", .integer(1...254), "the option's number")
        let text = try config.optional("text", .text, "its value: a text")
        let addresses = try config.optional("addresses", .oneOrMore(.ipv4), "its value: IPv4 addresses")
        let hex = try config.optional("hex", .hexadecimal, "its value: bytes in hexadecimal digits")
        let u8 = try config.optional("u8", .integer(0...0xff), "its value: a number of 8 bits")
        let u16 = try config.optional("u16", .integer(0...0xffff), "its value: a number of 16 bits")
        let u32 = try config.optional("u32", .integer(0...0xffff_ffff), "its value: a number of 32 bits")
        isAlwaysSent = try config.value(
            "always", .bool, default: false, "whether clients get it that do not ask for it")
        let values = [
            text.map { Array($0.utf8) }, addresses.map { $0.flatMap(\.bytes) }, hex,
            u8.map { StructureBytes().u8($0).bytes }, u16.map { StructureBytes().be16($0).bytes },
            u32.map { StructureBytes().be32($0).bytes },
        ].compactMap { $0 }
        code = DHCPOption(rawValue: UInt8(number))
        if let key = Self.keys[code] {
            throw config.error("code", "option \(number) has a key of its own: \(key)")
        }
        guard !Self.ownOptions.contains(code) else {
            throw config.error("code", "option \(number) is made by the server itself: leave it out")
        }
        guard let value = values.first, values.count == 1 else {
            throw config.error(
                "code", "option \(number) needs one value: give one of text, addresses, hex, u8, u16 and u32")
        }
        guard (1...255).contains(value.count) else {
            throw config.error("code", "option \(number) has \(value.count) bytes, and can have 1 to 255")
        }
        self.value = value
    }

    /// What the configuration says elsewhere.
    private static let keys: [DHCPOption: String] = [
        .subnetMask: "netmask", .router: "router", .dns: "dns", .domain: "domain", .domainSearch: "domain_search",
        .ntp: "ntp", .mtu: "mtu", .routes: "routes", .leaseTime: "lease_time", .renewalTime: "renewal_time",
        .rebindingTime: "rebinding_time", .hostname: "reservations",
    ]

    /// What belongs to the conversation.
    private static let ownOptions: Set<DHCPOption> = [
        .broadcast, .requestedAddress, .overload, .messageType, .server, .parameterRequestList, .message, .maximumSize,
        .clientIdentifier, .relayAgent,
    ]
}

extension ConfigFormat where Value == [UInt8] {
    /// `0a000001`, with or without colons between the bytes.
    static var hexadecimal: ConfigFormat {
        .text("bytes in hexadecimal digits like 0a000001", sample: [10, 0, 0, 1]) { text in
            let digits = Array(text.utf8.filter { $0 != UInt8(ascii: ":") })
            guard digits.count % 2 == 0 else { return nil }
            let bytes = stride(from: 0, to: digits.count, by: 2).compactMap { start in
                UInt8(String(decoding: digits[start..<start + 2], as: UTF8.self), radix: 16)
            }
            return bytes.count * 2 == digits.count && !text.contains("+") && !text.contains("-") ? bytes : nil
        }
    }
}
