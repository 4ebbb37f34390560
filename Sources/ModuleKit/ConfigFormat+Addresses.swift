// SPDX-License-Identifier: Apache-2.0

import TypedValue

extension ConfigFormat where Value == MACAddress {
    /// `02:00:00:00:00:01`.
    public static var mac: ConfigFormat {
        text(
            "an Ethernet address like 02:00:00:00:00:01",
            schema: ["type": "string", "pattern": "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$"],
            sample: MACAddress("02:00:00:00:00:01")
        ) { MACAddress($0) }
    }
}

extension ConfigFormat where Value == IPAddress {
    /// IPv4 or IPv6.
    public static var address: ConfigFormat {
        text("an IP address like 10.0.0.1 or 2001:db8::1", sample: IPAddress("10.0.0.1")) { IPAddress($0) }
    }

    /// IPv4 only.
    public static var ipv4: ConfigFormat {
        text(
            "an IPv4 address like 10.0.0.1", schema: ["type": "string", "format": "ipv4"], sample: IPAddress("10.0.0.1")
        ) {
            IPAddress($0).flatMap { $0.isIPv4 ? $0 : nil }
        }
    }

    /// IPv6 only.
    public static var ipv6: ConfigFormat {
        text(
            "an IPv6 address like 2001:db8::1", schema: ["type": "string", "format": "ipv6"],
            sample: IPAddress("2001:db8::1")
        ) {
            IPAddress($0).flatMap { $0.isIPv4 ? nil : $0 }
        }
    }
}

extension ConfigFormat where Value == IPPrefix {
    /// A network, IPv4 or IPv6. An address alone is a network of one.
    public static var prefix: ConfigFormat {
        text("a prefix like 10.0.0.0/8 or 2001:db8::/32", sample: IPPrefix("10.0.0.0/8")) { text in
            IPPrefix(text).flatMap { $0.address == $0.network ? $0 : nil }
        }
    }

    /// An address of a host with the length of its network, IPv4 or IPv6.
    public static var interfaceAddress: ConfigFormat {
        text("an address with its prefix length like 10.0.0.1/24 or 2001:db8::1/64", sample: IPPrefix("10.0.0.1/24")) {
            $0.contains("/") ? IPPrefix($0) : nil
        }
    }
}
