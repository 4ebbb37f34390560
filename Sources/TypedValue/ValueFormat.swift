// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A notation for memory that is not a number or text of the host's: network order and addresses.
public enum ValueFormat: Sendable, Hashable {
    /// An integer without sign in network byte order; 1, 2, 4, 8 or 16 bytes.
    case bigEndian(size: Int)
    /// Four bytes in network order: `10.0.0.1`.
    case ipv4
    /// Sixteen bytes in network order, as RFC 5952 writes them: `2001:db8::1`.
    case ipv6
    /// Six bytes: `02:00:00:00:00:01`.
    case mac
    /// A length in bits, four bytes in host order, and an IPv4 address: `10.0.0.0/8`. So are the keys of a table by
    /// prefix (Linux, `struct bpf_lpm_trie_key`).
    case prefix4
    /// A length and an IPv6 address: `2001:db8::/32`.
    case prefix6

    /// In bytes.
    public var size: Int {
        switch self {
        case .bigEndian(let size): size
        case .ipv4: 4
        case .ipv6: 16
        case .mac: 6
        case .prefix4: 8
        case .prefix6: 20
        }
    }
}

func hexDigits(of byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
}

/// The bytes that an even number of hexadecimal digits stands for; nil when there are other characters.
func hexBytes(_ digits: Substring) -> [UInt8]? {
    let values = digits.utf8.map { Character(Unicode.Scalar($0)).hexDigitValue }
    guard values.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values.count / 2)
    for index in stride(from: 0, to: values.count, by: 2) {
        guard let high = values[index], let low = values[index + 1] else { return nil }
        bytes.append(UInt8(high << 4 | low))
    }
    return bytes
}

/// `bytes` are four.
func ipv4Text(_ bytes: ArraySlice<UInt8>) -> String {
    bytes.map(String.init).joined(separator: ".")
}

/// Strict: four decimal numbers without leading zeros, because those mean octal elsewhere.
func ipv4Bytes(_ text: String) -> [UInt8]? {
    var address = in_addr()
    guard inet_pton(AF_INET, text, &address) == 1 else { return nil }
    return withUnsafeBytes(of: &address, Array.init)
}

func ipv6Bytes(_ text: String) -> [UInt8]? {
    var address = in6_addr()
    guard inet_pton(AF_INET6, text, &address) == 1 else { return nil }
    return withUnsafeBytes(of: &address, Array.init)
}

/// RFC 5952, section 4: the longest run of two or more zero groups is shortened, the first of equal ones; IPv4-mapped
/// addresses end in dotted decimal (section 5). `bytes` are sixteen.
func ipv6Text(_ bytes: ArraySlice<UInt8>) -> String {
    let bytes = Array(bytes)
    if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff {
        return "::ffff:" + ipv4Text(bytes[12...])
    }
    let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    var longest = 0..<0
    for start in groups.indices {
        let end = groups[start...].firstIndex { $0 != 0 } ?? groups.endIndex
        if end - start > longest.count { longest = start..<end }
    }
    func text(_ groups: ArraySlice<UInt16>) -> String {
        groups.map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard longest.count >= 2 else { return text(groups[...]) }
    return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
}

/// `bytes` are four, and those of an address. Bits behind the length are shown as they are: they are part of the key.
func prefixText(_ bytes: ArraySlice<UInt8>) -> String {
    let length = bytes.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let address = bytes.dropFirst(4)
    return (address.count == 4 ? ipv4Text(address) : ipv6Text(address)) + "/\(length)"
}

func prefixBytes(_ text: String, address: (String) -> [UInt8]?) -> [UInt8]? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[1].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
        let length = UInt8(parts[1]), let address = address(String(parts[0])), length <= 8 * address.count
    else { return nil }
    return [length, 0, 0, 0] + address
}

/// `bytes` are six.
func macText(_ bytes: ArraySlice<UInt8>) -> String {
    bytes.map(hexDigits).joined(separator: ":")
}

/// Six pairs of digits, separated by colons as Linux writes them or by hyphens as IEEE does.
func macBytes(_ text: String) -> [UInt8]? {
    for separator in [":", "-"] as [Character] {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        if parts.count == 6, parts.allSatisfy({ $0.utf8.count == 2 }) {
            return hexBytes(parts.joined()[...])
        }
    }
    return nil
}
