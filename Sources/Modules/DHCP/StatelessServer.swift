// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// Tells hosts over DHCPv6 what they need besides an address (RFC 8415, section 6.1: stateless DHCP).
///
/// It gives no addresses and no prefixes, and does not answer who asks for them: another server may have some, and a host
/// takes an offer without addresses for no offer (section 18.2.9).
struct StatelessServer: Sendable {
    /// What became of a message, for the state's counts.
    enum Event: String, Sendable, CaseIterable {
        case informationRequest = "information_request"
        /// The host wants addresses or prefixes.
        case noAddresses = "no_addresses"
        /// For another server, or of one.
        case otherServer = "other_dhcpv6_server"
        /// What RFC 8415, section 16, says to throw away.
        case malformed = "malformed_dhcpv6"
    }

    let config: StatelessConfig
    let mac: MACAddress

    var identifier: [UInt8] { DHCPv6Message.identifier(of: mac) }

    /// - Parameter isMulticast: whether the message was sent to all servers, as it has to be (RFC 8415, section 18.4).
    /// - Returns: what is to be sent, and what to count.
    func answer(_ message: DHCPv6Message, isMulticast: Bool) -> (reply: DHCPv6Message?, event: Event) {
        switch message.kind {
        case .informationRequest: break
        case .solicit, .request, .confirm, .renew, .rebind, .release, .decline: return (nil, .noAddresses)
        case .advertise, .reply, .reconfigure, .relayForward, .relayReply: return (nil, .otherServer)
        }
        // RFC 8415, section 16.12.
        if let server = message[.server], server != identifier {
            return (nil, .otherServer)
        }
        let wantsAddresses = [DHCPv6Message.Option.nonTemporaryAddresses, .temporaryAddresses, .delegatedPrefix]
        guard isMulticast, !wantsAddresses.contains(where: { message[$0] != nil }) else { return (nil, .malformed) }
        return (reply(to: message), .informationRequest)
    }

    private func reply(to message: DHCPv6Message) -> DHCPv6Message {
        var reply = DHCPv6Message(.reply, transaction: message.transaction)
        reply.append(.server, identifier)
        if let client = message[.client] {
            reply.append(.client, client)
        }
        let requested = message.requested
        func append(_ option: DHCPv6Message.Option, _ value: [UInt8]) {
            if requested.contains(option), !value.isEmpty {
                reply.append(option, value)
            }
        }
        append(.dns, config.dns.flatMap(\.bytes))
        append(.domainSearch, config.domainSearch.flatMap(\.bytes))
        append(.sntp, config.ntp.flatMap(\.bytes))
        // Suboption 1, an address (RFC 5908, section 4.1).
        append(.ntp, config.ntp.flatMap { StructureBytes().be16(1).be16(16).bytes($0.bytes).bytes })
        append(.informationRefreshTime, StructureBytes().be32(config.refreshTime).bytes)
        return reply
    }
}
