// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// A prefix that a DHCPv6 server delegates to a router, and for how long (RFC 8415, sections 21.21 and 21.22).
public struct PrefixDelegation: Sendable, Hashable {
    /// Without a host; 1 to 64 bits.
    public var prefix: IPPrefix
    /// Seconds for which addresses of it are preferred; nil: for ever.
    public var preferred: Int?
    /// Seconds for which addresses of it are valid; nil: for ever.
    public var valid: Int?
    /// Seconds until the server is asked whether it goes on (T1); nil: never.
    public var renewal: Int?
    /// Seconds until all servers are asked (T2); nil: never.
    public var rebinding: Int?
    /// The server's identifier.
    public var server: [UInt8]
    /// When it began, in the milliseconds of the client's clock.
    public var start: Int

    /// The best prefix that a message of a server gives; nil where it gives none.
    ///
    /// - Parameter current: the prefix to stay with, if it is still to be preferred.
    public init?(_ message: DHCPv6Message, start: Int, current: IPPrefix? = nil) {
        guard let server = message[.server], message.status == .success,
            let association = PrefixAssociation(message), association.status == .success
        else { return nil }
        let best = association.prefixes.filter { $0.valid != 0 }.max { one, other in
            func rank(_ prefix: PrefixAssociation.Prefix) -> (Int, Int) {
                (prefix.prefix == current && prefix.preferred != 0 ? 1 : 0, prefix.preferred ?? .max)
            }
            return rank(one) < rank(other)
        }
        guard let best else { return nil }
        prefix = best.prefix
        preferred = best.preferred
        valid = best.valid
        // The client's own choice where the server leaves it to it (section 21.21). Never at once, or a server that
        // gives prefixes of no length would be asked without an end.
        let least = 10
        renewal = (association.renewal == 0 ? best.preferred.map { $0 / 2 } : association.renewal).map {
            max($0, least)
        }
        rebinding = association.rebinding == 0 ? best.preferred.map { $0 * 4 / 5 } : association.rebinding
        if let renewal { rebinding = rebinding.map { max($0, renewal) } }
        self.server = server
        self.start = start
    }

    /// When it ends; nil: never.
    public var end: Int? { valid.map { start + $0 * 1000 } }

    /// Seconds that are left of the preferred and of the valid lifetime; nil: for ever.
    public func remaining(at now: Int) -> (preferred: Int?, valid: Int?) {
        let age = max(now - start, 0) / 1000
        return (preferred.map { max($0 - age, 0) }, valid.map { max($0 - age, 0) })
    }
}

/// What a message says of the client's only association of prefixes (IA_PD, RFC 8415, section 21.21).
struct PrefixAssociation: Sendable {
    struct Prefix: Sendable {
        var prefix: IPPrefix
        /// Seconds; nil: for ever.
        var preferred: Int?
        var valid: Int?
    }

    /// The client has one, so any number does.
    static let number: UInt32 = 1
    private static let forever: UInt32 = 0xffff_ffff
    private static let headerSize = 12

    /// Seconds; 0: the client's choice; nil: never.
    var renewal: Int?
    var rebinding: Int?
    var status = DHCPv6Message.Status.success
    var prefixes: [Prefix] = []

    /// Nil where there is none, or none that can be (RFC 8415, sections 21.21 and 21.22).
    init?(_ message: DHCPv6Message) {
        let found = message.options.first { option in
            var reader = StructureReader(option.value)
            return option.code == .delegatedPrefix && reader.be32() == Self.number
        }
        guard let value = found?.value, value.count >= Self.headerSize,
            let options = try? DHCPv6Message.options(in: value.dropFirst(Self.headerSize))
        else { return nil }
        var reader = StructureReader(value.dropFirst(4))
        (renewal, rebinding) = (Self.seconds(reader.be32()), Self.seconds(reader.be32()))
        if let renewal, let rebinding, rebinding > 0, renewal > rebinding { return nil }
        for option in options {
            switch option.code {
            case .status: status = DHCPv6Message.Status(option.value)
            case .prefix: Self.prefix(option.value).map { prefixes.append($0) }
            default: break
            }
        }
    }

    /// The option that asks for a prefix, or for those that the client has to go on.
    static func option(for prefix: IPPrefix?) -> [UInt8] {
        var bytes = StructureBytes().be32(number).be32(0).be32(0)
        if let prefix {
            bytes = bytes.be16(DHCPv6Message.Option.prefix.rawValue).be16(25).be32(0).be32(0).u8(prefix.length)
                .bytes(prefix.network.bytes)
        }
        return bytes.bytes
    }

    private static func prefix(_ value: [UInt8]) -> Prefix? {
        guard value.count >= 25 else { return nil }
        var reader = StructureReader(value)
        let (preferred, valid) = (reader.be32(), reader.be32())
        let length = Int(reader.u8())
        guard preferred <= valid, (1...64).contains(length), let address = IPAddress(bytes: reader.bytes(16)),
            !address.isMulticast, !address.isLinkLocal, !address.isUnspecified,
            let prefix = IPPrefix(address, length: length)?.networkPrefix
        else { return nil }
        return Prefix(prefix: prefix, preferred: seconds(preferred), valid: seconds(valid))
    }

    private static func seconds(_ number: UInt32) -> Int? { number == forever ? nil : Int(number) }
}
