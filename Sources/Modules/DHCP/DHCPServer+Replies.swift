// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

// What replies hold (RFC 2131, table 3), and where they go (section 4.1).
extension DHCPServer {
    /// DHCPOFFER or DHCPACK.
    ///
    /// - Parameters:
    ///   - address: that the client gets; nil in the answer to DHCPINFORM.
    ///   - duration: of the lease, in seconds.
    func reply(
        _ kind: DHCPMessage.Kind, to request: Request, in subnet: Subnet, address: IPAddress?, duration: Int?
    ) -> Reply {
        var message = answer(kind, to: request, in: subnet)
        message.yourAddress = address ?? .any4
        message.nextServer = subnet.nextServer ?? .any4
        message.bootFile = subnet.bootFile.map { Array($0.utf8) } ?? []
        if kind == .ack {
            message.clientAddress = request.message.clientAddress
        }
        if let duration {
            message.options.set(.leaseTime, UInt32(duration))
            // In the proportions of the whole when the client wants less.
            message.options.set(.renewalTime, UInt32(subnet.renewalTime * duration / subnet.leaseTime))
            message.options.set(.rebindingTime, UInt32(subnet.rebindingTime * duration / subnet.leaseTime))
        }
        addParameters(to: &message, for: request, in: subnet)
        return addressed(message, to: request, in: subnet, client: address ?? request.message.clientAddress)
    }

    /// DHCPNAK.
    func refusal(of request: Request, in subnet: Subnet, _ why: String) -> Reply {
        var message = answer(.nak, to: request, in: subnet)
        message.options.set(.message, why)
        // The client may have no address at all: its relay is to broadcast it, or it is broadcast here.
        message.wantsBroadcast = true
        return addressed(message, to: request, in: subnet, client: .broadcast4)
    }

    private func answer(_ kind: DHCPMessage.Kind, to request: Request, in subnet: Subnet) -> DHCPMessage {
        let asked = request.message
        var message = DHCPMessage(.reply, transaction: asked.transaction, hardwareAddress: asked.hardwareAddress)
        message.hardwareType = asked.hardwareType
        message.wantsBroadcast = asked.wantsBroadcast
        message.relay = asked.relay
        message.kind = kind
        message.options.set(.server, subnet.server)
        // RFC 6842.
        message.options[.clientIdentifier] = asked.options[.clientIdentifier]
        // RFC 3046, section 2.2.
        message.options[.relayAgent] = asked.options[.relayAgent]
        return message
    }

    /// What a client gets that has no list of what it wants.
    private static let usualParameters: [DHCPOption] = [.subnetMask, .router, .dns, .domain, .broadcast]

    private func addParameters(to message: inout DHCPMessage, for request: Request, in subnet: Subnet) {
        let list = request.message.options[.parameterRequestList].map { $0.map(DHCPOption.init(rawValue:)) }
        var wanted = list ?? Self.usualParameters
        // The mask comes before the router (RFC 2132, section 3.3).
        if let place = wanted.firstIndex(of: .subnetMask) {
            wanted.insert(wanted.remove(at: place), at: 0)
        }
        wanted += subnet.options.filter(\.isAlwaysSent).map(\.code)
        for code in wanted where message.options[code] == nil {
            setParameter(code, in: &message, for: request, in: subnet)
        }
    }

    private func setParameter(
        _ code: DHCPOption, in message: inout DHCPMessage, for request: Request, in subnet: Subnet
    ) {
        switch code {
        case .subnetMask: message.options.set(code, Self.mask(subnet.network.length))
        case .router: message.options.set(code, subnet.routers)
        case .dns: message.options.set(code, subnet.dns)
        case .domain: message.options.set(code, subnet.domain?.description ?? "")
        case .domainSearch: message.options.set(code, names: subnet.domainSearch)
        case .ntp: message.options.set(code, subnet.ntp)
        case .broadcast: message.options.set(code, subnet.network.last)
        case .routes: message.options.set(code, routes: routes(of: subnet))
        case .hostname:
            message.options.set(
                code, reservation(for: request.message, in: subnet)?.hostname?.labels.first ?? "")
        case .mtu:
            if let mtu = subnet.mtu {
                message.options.set(code, UInt16(mtu))
            }
        default:
            message.options[code] = subnet.options.first { $0.code == code }?.value
            if message.options[code] == nil {
                setBootParameter(code, in: &message, of: subnet)
            }
        }
    }

    private func setBootParameter(_ code: DHCPOption, in message: inout DHCPMessage, of subnet: Subnet) {
        switch code {
        case .bootFile: message.options.set(code, subnet.bootFile ?? "")
        case .bootServerName: message.options.set(code, subnet.nextServer?.description ?? "")
        default: break
        }
    }

    /// A client that understands option 121 does not look at the router option (RFC 3442).
    private func routes(of subnet: Subnet) -> [DHCPRoute] {
        guard !subnet.routes.isEmpty, let router = subnet.routers.first,
            let all = IPPrefix(.any4, length: 0), !subnet.routes.contains(where: { $0.destination.length == 0 })
        else { return subnet.routes }
        return subnet.routes + [DHCPRoute(all, via: router)]
    }

    private static func mask(_ length: Int) -> IPAddress {
        IPAddress(ipv4: length == 0 ? 0 : UInt32.max << UInt32(32 - length))
    }

    /// - Parameter client: the address to which it goes if the client can receive it there.
    private func addressed(
        _ message: DHCPMessage, to request: Request, in subnet: Subnet, client: IPAddress
    ) -> Reply {
        let asked = request.message
        var reply = Reply(
            message: message, port: request.port, station: .broadcast, source: subnet.server,
            destination: .broadcast4, destinationPort: DHCPMessage.clientPort)
        if !asked.relay.isUnspecified {
            reply.destination = asked.relay
            reply.destinationPort = DHCPMessage.serverPort
            reply.station = request.station
        } else if client == .broadcast4 {
            return reply
        } else if !asked.clientAddress.isUnspecified {
            reply.destination = client
            reply.station = request.station
        } else if !asked.wantsBroadcast, let mac = asked.mac {
            reply.destination = client
            reply.station = mac
        }
        return reply
    }

    /// How many bytes the client takes (RFC 2132, section 9.10). It means the whole datagram; some count the message only,
    /// and get less than they would take.
    func limit(for request: DHCPMessage) -> Int {
        guard let size: UInt16 = request.options.number(.maximumSize) else { return DHCPMessage.usualLimit }
        return min(max(Int(size), 576), 1500) - 28
    }
}
