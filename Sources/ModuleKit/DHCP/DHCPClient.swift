// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// A DHCP client for IPv4 that knows neither packets nor clocks (RFC 2131, section 4.4): it is told what comes and when,
/// and says what is to be done.
///
///     var client = DHCPClient(.init(mac: mac), random: SystemRandomNumberGenerator())
///     perform(client.start(remembering: nil, now: now))
///     // a message to port 68 came:     perform(client.receive(message, now: now))
///     // client.deadline is over:       perform(client.advance(to: now))
///
/// Times are in milliseconds of any clock that goes on while the machine sleeps and never jumps; one for all calls.
public struct DHCPClient: Sendable {
    /// Who it is and what it wants.
    public struct Configuration: Sendable, Hashable {
        public var mac: MACAddress
        /// Option 61; nil: none is sent.
        public var identifier: [UInt8]?
        /// Option 12.
        public var hostname: String?
        /// Whether replies should come by broadcast, because nothing else is received before there is an address.
        public var wantsBroadcast: Bool
        /// How long a new address is not used, for the caller to find out whether somebody has it (RFC 5227); 0: it is
        /// used at once. In milliseconds.
        public var probeTime: Int
        public var parameters: [DHCPOption]

        public init(
            mac: MACAddress, identifier: [UInt8]? = nil, hostname: String? = nil, wantsBroadcast: Bool = false,
            probeTime: Int = 0,
            parameters: [DHCPOption] = [.subnetMask, .routes, .router, .dns, .domain, .mtu, .broadcast, .ntp]
        ) {
            self.mac = mac
            self.identifier = identifier
            self.hostname = hostname
            self.wantsBroadcast = wantsBroadcast
            self.probeTime = probeTime
            self.parameters = parameters
        }
    }

    /// RFC 2131, figure 5.
    public enum State: String, Sendable {
        /// Not started, or stopped.
        case stopped
        /// About to look for servers.
        case initial = "init"
        case selecting, requesting
        /// Asks for the address that it had.
        case rebooting
        /// Waits whether somebody else has the address.
        case probing
        case bound, renewing, rebinding
    }

    /// What is to be done, in this order.
    public enum Action: Sendable, Hashable {
        /// Send a message from port 68 to port 67. To 255.255.255.255 it goes from 0.0.0.0 or the address that the client
        /// has, by broadcast.
        case send(DHCPMessage, from: IPAddress, to: IPAddress)
        /// Ask by ARP whether somebody has the address; if so, call `conflict`.
        case probe(IPAddress)
        /// Use a new lease, or one that gives something else than before, and remember it.
        case bind(DHCPLease)
        /// The lease goes on with other times: remember it.
        case extend(DHCPLease)
        /// Do not use the address any more, and forget the lease.
        case unbind(DHCPLease)
    }

    /// RFC 2131, section 4.1: 4 seconds, then twice as long each time, up to 64, each a second more or less.
    private static let delays = [4000, 8000, 16_000, 32_000, 64_000]
    /// Before the first message, and after a NAK or a conflict, which could follow each other at once (RFC 2131, sections
    /// 4.4.1 and 3.1, step 5).
    private static let startDelays = 1000...10_000
    private static let conflictDelay = 10_000
    /// Requests without an answer, until the client begins anew.
    private static let mostRequests = 4
    /// The same while it asks for the address that it had: it may be on another network now.
    private static let mostReboots = 2
    /// The least time between two requests of a client that renews (RFC 2131, section 4.4.5). In milliseconds.
    private static let leastRenewal = 60_000

    public private(set) var state = State.stopped
    /// When `advance` is to be called.
    public private(set) var deadline: Int?
    /// The lease that is used; nil before there is one.
    public private(set) var lease: DHCPLease?
    private let configuration: Configuration
    private var random: any RandomNumberGenerator & Sendable
    private var transaction: UInt32 = 0
    /// When the client began to look for an address.
    private var began = 0
    /// Messages of this state so far.
    private var tries = 0
    /// When the request was first sent that a lease would answer: the lease begins then.
    private var requested = 0
    /// The offer that was taken, or the address that is to be had again.
    private var wanted: (address: IPAddress, server: IPAddress?) = (.any4, nil)
    /// The lease that waits for the end of the probe.
    private var probed: DHCPLease?

    public init(_ configuration: Configuration, random: any RandomNumberGenerator & Sendable) {
        self.configuration = configuration
        self.random = random
    }

    /// Begins. With a lease that was remembered and has not ended, the client asks whether it still holds.
    ///
    /// - Parameter isImmediate: leaves out the wait of 1 to 10 seconds that keeps machines that start together from
    ///   speaking all at once.
    public mutating func start(remembering old: DHCPLease?, now: Int, isImmediate: Bool = false) -> [Action] {
        lease = nil
        probed = nil
        tries = 0
        began = now
        if let old, old.end.map({ $0 > now }) ?? true {
            state = .rebooting
            wanted = (old.address.address, nil)
            newTransaction()
            return sendRequest(now)
        }
        state = .initial
        deadline = now + (isImmediate ? 0 : Int.random(in: Self.startDelays, using: &random))
        return isImmediate ? advance(to: now) : []
    }

    /// Gives the address back, and stops.
    public mutating func release(now: Int) -> [Action] {
        defer {
            state = .stopped
            deadline = nil
            lease = nil
            probed = nil
        }
        guard let lease else { return [] }
        newTransaction()
        var message = message(.release, now)
        message.clientAddress = lease.address.address
        message.options.set(.server, lease.server)
        return [.send(message, from: lease.address.address, to: lease.server), .unbind(lease)]
    }

    /// Somebody else has the address that is being probed or used.
    public mutating func conflict(now: Int) -> [Action] {
        guard let lost = probed ?? lease else { return [] }
        newTransaction()
        var message = message(.decline, now)
        message.options.set(.requestedAddress, lost.address.address)
        message.options.set(.server, lost.server)
        let decline = Action.send(message, from: .any4, to: .broadcast4)
        return [decline] + beginAnew(now, after: Self.conflictDelay)
    }

    /// Does what is due. It may be called at any time.
    public mutating func advance(to now: Int) -> [Action] {
        guard let deadline, deadline <= now else { return [] }
        switch state {
        case .stopped: return []
        case .initial:
            state = .selecting
            tries = 0
            began = now
            newTransaction()
            return sendDiscover(now)
        case .selecting: return sendDiscover(now)
        case .requesting: return tries < Self.mostRequests ? sendRequest(now) : beginAnew(now, after: 0)
        case .rebooting: return tries < Self.mostReboots ? sendRequest(now) : beginAnew(now, after: 0)
        case .probing: return endProbe(now)
        case .bound, .renewing, .rebinding: return renew(now)
        }
    }

    /// A message to the client's port. What is not for this client, or does not belong to what it does, is left out.
    public mutating func receive(_ message: DHCPMessage, now: Int) -> [Action] {
        guard message.operation == .reply, message.transaction == transaction,
            message.hardwareAddress == configuration.mac.bytes
        else { return [] }
        switch (state, message.kind) {
        case (.selecting, .offer): return take(message, now)
        case (.requesting, .ack), (.rebooting, .ack), (.renewing, .ack), (.rebinding, .ack):
            return acknowledge(message, now)
        case (.requesting, .nak), (.rebooting, .nak), (.renewing, .nak), (.rebinding, .nak):
            // Only the server that was asked can refuse.
            guard wanted.server == nil || message.options.address(.server) == wanted.server else { return [] }
            return beginAnew(now, after: Int.random(in: Self.startDelays, using: &random))
        default: return []
        }
    }
}

// Looking for an address.
extension DHCPClient {
    private mutating func sendDiscover(_ now: Int) -> [Action] {
        retry(now)
        return [.send(message(.discover, now), from: .any4, to: .broadcast4)]
    }

    /// The first offer that can be is the best one.
    private mutating func take(_ offer: DHCPMessage, _ now: Int) -> [Action] {
        guard let server = offer.options.address(.server), DHCPLease(offer, start: now) != nil else { return [] }
        wanted = (offer.yourAddress, server)
        state = .requesting
        tries = 0
        return sendRequest(now)
    }

    private mutating func sendRequest(_ now: Int) -> [Action] {
        if tries == 0 {
            requested = now
        }
        retry(now)
        var message = message(.request, now)
        message.options.set(.requestedAddress, wanted.address)
        if let server = wanted.server {
            message.options.set(.server, server)
        }
        return [.send(message, from: .any4, to: .broadcast4)]
    }

    private mutating func acknowledge(_ message: DHCPMessage, _ now: Int) -> [Action] {
        guard let new = DHCPLease(message, start: requested),
            wanted.server == nil || new.server == wanted.server
        else { return [] }
        if let old = lease {
            guard old.address.address == new.address.address else { return [] }
            use(new)
            return [old.givesTheSame(as: new) ? .extend(new) : .bind(new)]
        }
        guard new.address.address == wanted.address else { return [] }
        guard configuration.probeTime > 0 else {
            use(new)
            return [.bind(new)]
        }
        probed = new
        state = .probing
        deadline = now + configuration.probeTime
        return [.probe(new.address.address)]
    }

    private mutating func endProbe(_ now: Int) -> [Action] {
        guard let lease = probed else { return beginAnew(now, after: 0) }
        probed = nil
        use(lease)
        return [.bind(lease)]
    }

    private mutating func use(_ new: DHCPLease) {
        lease = new
        state = .bound
        deadline = new.duration == nil ? nil : new.start + new.renewal * 1000
    }

    private mutating func beginAnew(_ now: Int, after delay: Int) -> [Action] {
        let old = lease
        lease = nil
        probed = nil
        wanted = (.any4, nil)
        state = .initial
        deadline = now + delay
        let actions = old.map { [Action.unbind($0)] } ?? []
        return delay == 0 ? actions + advance(to: now) : actions
    }
}

// Keeping it.
extension DHCPClient {
    /// Half of the time that is left to T2, or to the end, passes until the client asks again (RFC 2131, section 4.4.5).
    private mutating func renew(_ now: Int) -> [Action] {
        guard let lease, let end = lease.end else { return [] }
        guard now < end else { return beginAnew(now, after: 0) }
        let rebinding = lease.start + lease.rebinding * 1000
        let isRebinding = now >= rebinding
        let next: State = isRebinding ? .rebinding : .renewing
        if state != next {
            state = next
            began = now
        }
        // A lease begins with the request that it answers, so an answer must say to which one it belongs.
        newTransaction()
        requested = now
        wanted = (lease.address.address, isRebinding ? nil : lease.server)
        let limit = isRebinding ? end : rebinding
        deadline = min(now + max((limit - now) / 2, Self.leastRenewal), limit)
        var message = message(.request, now)
        message.clientAddress = lease.address.address
        return [
            .send(message, from: lease.address.address, to: isRebinding ? .broadcast4 : lease.server)
        ]
    }

    private mutating func retry(_ now: Int) {
        let delay = Self.delays[min(tries, Self.delays.count - 1)]
        tries += 1
        deadline = now + Int.random(in: delay - 1000...delay + 1000, using: &random)
    }

    private mutating func newTransaction() {
        transaction = UInt32.random(in: .min ... .max, using: &random)
    }

    private func message(_ kind: DHCPMessage.Kind, _ now: Int) -> DHCPMessage {
        var message = DHCPMessage(
            .request, transaction: transaction, hardwareAddress: configuration.mac.bytes)
        message.kind = kind
        message.options[.clientIdentifier] = configuration.identifier
        guard kind != .release, kind != .decline else { return message }
        message.seconds = UInt16(clamping: (now - began) / 1000)
        message.wantsBroadcast = configuration.wantsBroadcast && lease == nil
        message.options.set(.maximumSize, UInt16(1500))
        if let hostname = configuration.hostname {
            message.options.set(.hostname, hostname)
        }
        message.options[.parameterRequestList] = configuration.parameters.map(\.rawValue)
        return message
    }
}
