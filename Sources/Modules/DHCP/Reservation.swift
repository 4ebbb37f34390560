// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// An address that one client always gets, and no other.
struct Reservation: Sendable, Hashable {
    let client: ClientKey
    let address: IPAddress
    /// What the client is told to be called.
    let hostname: DNSName?

    init(_ config: ConfigReader) throws(ConfigError) {
        let mac = try config.optional("mac", .mac, "the client's Ethernet address")
        let identifier = try config.optional(
            "client_id", .clientIdentifier, "the client identifier that it sends (option 61), in place of `mac`")
        let address = try config.required("address", .ipv4, "the address that it gets")
        hostname = try config.optional("hostname", .domainName, "the name that it is told to have")
        self.address = address
        switch (mac, identifier) {
        case (let mac?, nil): client = ClientKey(mac)
        case (nil, let identifier?): client = ClientKey(identifier: identifier)
        case (nil, nil): throw config.error("mac", "whose address is \(address)? give a mac or a client_id")
        case (_?, _?): throw config.error("client_id", "there is a mac too: leave out one of them")
        }
    }

    /// Whether a message is of its client. A reservation for an Ethernet address holds whatever identifier is sent.
    func fits(_ message: DHCPMessage) -> Bool {
        client.isIdentifier
            ? message.options[.clientIdentifier] == client.bytes
            : [message.hardwareType] + message.hardwareAddress == client.bytes
    }
}
