// SPDX-License-Identifier: Apache-2.0

/// One message of what a netlink socket has received (netlink(7)), in the host's byte order.
struct NetlinkMessage {
    var type: UInt16
    var flags: UInt16
    var sequence: UInt32
    /// What follows the header.
    var body: ArraySlice<UInt8>

    /// `struct nlmsghdr`.
    private static let headerSize = 16

    /// The messages of one datagram. What is shorter than it says ends the list.
    static func split(_ datagram: [UInt8]) -> [NetlinkMessage] {
        var messages: [NetlinkMessage] = []
        var rest = datagram[...]
        while let length = rest.integer(at: 0, as: UInt32.self).map(Int.init), length >= headerSize,
            length <= rest.count,
            let type = rest.integer(at: 4, as: UInt16.self), let flags = rest.integer(at: 6, as: UInt16.self),
            let sequence = rest.integer(at: 8, as: UInt32.self)
        {
            let body = rest.prefix(length).dropFirst(headerSize)
            messages.append(NetlinkMessage(type: type, flags: flags, sequence: sequence, body: body))
            rest = rest.dropFirst(aligned(length))
        }
        return messages
    }

    /// Where the next message or attribute begins: they start at multiples of four.
    static func aligned(_ length: Int) -> Int {
        (length + 3) & ~3
    }
}

/// The attributes that fill `bytes`, by number; of one that comes twice the last.
func netlinkAttributes(_ bytes: ArraySlice<UInt8>) -> [Int: ArraySlice<UInt8>] {
    // The two highest bits say "nested" and "in network byte order" (linux/netlink.h, NLA_TYPE_MASK).
    let typeMask: UInt16 = 0x3fff
    let headerSize = 4
    var attributes: [Int: ArraySlice<UInt8>] = [:]
    var rest = bytes
    while let length = rest.integer(at: 0, as: UInt16.self).map(Int.init), length >= headerSize, length <= rest.count,
        let type = rest.integer(at: 2, as: UInt16.self)
    {
        attributes[Int(type & typeMask)] = rest.prefix(length).dropFirst(headerSize)
        rest = rest.dropFirst(NetlinkMessage.aligned(length))
    }
    return attributes
}

extension ArraySlice<UInt8> {
    /// The host's integer at a distance from the slice's start; nil when it does not fit in.
    func integer<Integer: FixedWidthInteger>(at offset: Int, as type: Integer.Type) -> Integer? {
        guard offset + MemoryLayout<Integer>.size <= count else { return nil }
        return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: type) }
    }

    /// Text up to the first NUL.
    var text: String {
        String(decoding: prefix { $0 != 0 }, as: UTF8.self)
    }
}
