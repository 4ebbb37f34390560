// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// A DHCPv6 client that asks for a prefix (RFC 8415, section 18.2), and knows neither packets nor clocks: it is told what
/// comes and when, and says what is to be done, as `DHCPClient` does.
///
/// Times are in milliseconds of any clock that goes on while the machine sleeps and never jumps; one for all calls.
public struct PrefixClient: Sendable {
    /// What it does.
    public enum State: String, Sendable {
        case stopped, soliciting, requesting, bound, renewing, rebinding
    }

    /// What is to be done, in this order.
    public enum Action: Sendable, Hashable {
        /// Send a message from port 546 of a link-local address to port 547 of `DHCPv6Message.servers`.
        case send(DHCPv6Message)
        /// Use a prefix, or one that goes on with other times, and remember the message that gave it.
        case bind(PrefixDelegation)
        /// Do not use the prefix any more.
        case unbind(PrefixDelegation)
    }

    /// RFC 8415, section 7.6, in milliseconds: how long until the first and between the last repetitions.
    private enum Times {
        static let solicit = (first: 1000, last: 3_600_000)
        static let request = (first: 1000, last: 30_000)
        static let renew = (first: 10_000, last: 600_000)
    }
    /// REQ_MAX_RC.
    private static let mostRequests = 10
    /// After a server has said no.
    private static let refusalDelay = 10_000
    /// An advertisement of this preference is taken without waiting for others (section 18.2.1).
    private static let highestPreference: UInt8 = 255

    public private(set) var state = State.stopped
    /// When `advance` is to be called; nil: not before a message comes.
    public private(set) var deadline: Int?
    /// The prefix that is used; nil before there is one.
    public private(set) var delegation: PrefixDelegation?
    private let identifier: [UInt8]
    private var random: any RandomNumberGenerator & Sendable
    private var transaction: UInt32 = 0
    /// When the exchange began.
    private var began = 0
    /// Messages of this exchange so far, and the time until the last repetition.
    private var tries = 0
    private var timeout = 0
    /// SOL_MAX_RT, which servers may change (section 21.24).
    private var longestSolicit = Times.solicit.last
    /// The best server that has answered.
    private var offer: (server: [UInt8], preference: UInt8)?

    /// - Parameter identifier: the client's, which stays as long as its port does (DUID, RFC 8415, section 11).
    public init(identifier: [UInt8], random: any RandomNumberGenerator & Sendable) {
        self.identifier = identifier
        self.random = random
    }

    /// Begins. A prefix that was remembered and has not ended is used, while servers are asked whether it goes on
    /// (section 18.2.12).
    public mutating func start(remembering old: PrefixDelegation?, now: Int) -> [Action] {
        guard let old, old.end.map({ $0 > now }) ?? true else {
            delegation = nil
            return solicit(now)
        }
        delegation = old
        return [.bind(old)] + exchange(.rebinding, now)
    }

    /// Does what is due. It may be called at any time.
    public mutating func advance(to now: Int) -> [Action] {
        guard let deadline, deadline <= now else { return [] }
        if let delegation, let end = delegation.end, end <= now { return beginAnew(now) }
        switch state {
        case .stopped: return []
        case .soliciting:
            // What the first ones to answer say is compared until the first repetition is due.
            return offer == nil ? exchange(.soliciting, now) : exchange(.requesting, now)
        case .requesting: return tries < Self.mostRequests ? exchange(.requesting, now) : beginAnew(now)
        case .bound, .renewing, .rebinding:
            let isRebinding = delegation?.rebinding.map { rebinds in
                (delegation?.start ?? now) + rebinds * 1000 <= now
            }
            return exchange(isRebinding == true || state == .rebinding ? .rebinding : .renewing, now)
        }
    }

    /// A message to the client's port. What is not for this client, or does not belong to what it does, is left out
    /// (section 16).
    public mutating func receive(_ message: DHCPv6Message, now: Int) -> [Action] {
        guard message.transaction == transaction, message[.client] == identifier, let server = message[.server] else {
            return []
        }
        switch (state, message.kind) {
        case (.soliciting, .advertise): return take(message, from: server, now)
        case (.requesting, .reply), (.renewing, .reply): return offer?.server == server ? use(message, now) : []
        case (.rebinding, .reply): return use(message, now)
        default: return []
        }
    }
}

extension PrefixClient {
    private mutating func solicit(_ now: Int) -> [Action] {
        offer = nil
        return exchange(.soliciting, now)
    }

    private mutating func beginAnew(_ now: Int) -> [Action] {
        let old = delegation
        delegation = nil
        return (old.map { [.unbind($0)] } ?? []) + solicit(now)
    }

    /// The server that is asked for its prefix: of several the one with the highest preference, and the first of those.
    private mutating func take(_ message: DHCPv6Message, from server: [UInt8], _ now: Int) -> [Action] {
        if let seconds = message.longestSolicit { longestSolicit = seconds * 1000 }
        guard PrefixDelegation(message, start: now) != nil else { return [] }
        let preference = message[.preference]?.first ?? 0
        if offer.map({ $0.preference < preference }) ?? true { offer = (server, preference) }
        return preference == Self.highestPreference || tries > 1 ? exchange(.requesting, now) : []
    }

    private mutating func use(_ message: DHCPv6Message, _ now: Int) -> [Action] {
        if let seconds = message.longestSolicit { longestSolicit = seconds * 1000 }
        guard let new = PrefixDelegation(message, start: now, current: delegation?.prefix) else {
            return refuse(message, now)
        }
        offer = (new.server, 0)
        delegation = new
        state = .bound
        tries = 0
        deadline = [new.renewal, new.valid].compactMap { $0 }.min().map { now + $0 * 1000 }
        return [.bind(new)]
    }

    /// A reply without a prefix.
    private mutating func refuse(_ message: DHCPv6Message, _ now: Int) -> [Action] {
        // Not now (section 18.2.10): the same is sent again.
        if message.status == .unspecifiedFailure { return [] }
        let association = PrefixAssociation(message)
        switch state {
        case .renewing, .rebinding:
            // The server knows of none, and may give one again (section 18.2.10.1).
            if association?.status == .noBinding, let server = message[.server] {
                offer = (server, 0)
                tries = 0
                return exchange(.requesting, now)
            }
            // Taken back: the prefix that the client has, with a lifetime of 0.
            guard association?.prefixes.contains(where: { $0.prefix == delegation?.prefix }) == true else { return [] }
        default: break
        }
        let old = delegation
        delegation = nil
        offer = nil
        state = .soliciting
        tries = 0
        deadline = now + Self.refusalDelay
        return old.map { [.unbind($0)] } ?? []
    }

    /// Begins an exchange of messages, or sends its message again (section 15).
    private mutating func exchange(_ next: State, _ now: Int) -> [Action] {
        if state != next || tries == 0 {
            state = next
            began = now
            tries = 0
            transaction = UInt32.random(in: 0...0xff_ffff, using: &random)
        }
        let times =
            switch next {
            case .requesting: Times.request
            case .renewing, .rebinding: Times.renew
            case .stopped, .soliciting, .bound: (first: Times.solicit.first, last: longestSolicit)
            }
        let base = tries == 0 ? times.first : 2 * timeout
        let spread = Double.random(in: -0.1...0.1, using: &random)
        // The first repetition of a solicitation is never early (section 18.2.1).
        timeout = min(base, times.last)
        timeout += Int(Double(timeout) * (next == .soliciting && tries == 0 ? abs(spread) : spread))
        tries += 1
        deadline = min(now + timeout, limit(of: next, now))
        return [.send(message(next, now))]
    }

    /// When another exchange takes over.
    private func limit(of state: State, _ now: Int) -> Int {
        guard let delegation else { return .max }
        let end = delegation.end ?? .max
        guard state == .renewing, let rebinding = delegation.rebinding else { return end }
        return min(end, delegation.start + rebinding * 1000)
    }

    private func message(_ state: State, _ now: Int) -> DHCPv6Message {
        let kind: DHCPv6Message.Kind =
            switch state {
            case .requesting: .request
            case .renewing: .renew
            case .rebinding: .rebind
            case .stopped, .soliciting, .bound: .solicit
            }
        var message = DHCPv6Message(kind, transaction: transaction)
        message.append(.client, identifier)
        if state == .requesting || state == .renewing, let server = offer?.server {
            message.append(.server, server)
        }
        // Hundredths of a second.
        message.append(.elapsedTime, StructureBytes().be16(UInt16(clamping: (now - began) / 10)).bytes)
        message.append(.optionRequest, StructureBytes().be16(DHCPv6Message.Option.longestSolicit.rawValue).bytes)
        message.append(.delegatedPrefix, PrefixAssociation.option(for: delegation?.prefix))
        return message
    }
}
