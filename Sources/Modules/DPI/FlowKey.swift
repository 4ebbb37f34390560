// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import TypedValue

/// Both directions of a flow (`struct hover_tuple` in `flows`), and which one of the flows that had these addresses and
/// ports one after the other.
struct FlowKey: Hashable, Sendable {
    /// The key in the fast path's tables.
    let bytes: [UInt8]
    let id: UInt32

    init(bytes: [UInt8], id: UInt32) {
        self.bytes = bytes
        self.id = id
    }

    /// That of a packet that was handed up (`hand_up.h`).
    init(_ packet: PacketIn) {
        var key = StructureBytes()
        for word in packet.data.words {
            key = key.u64(word)
        }
        bytes = key.u32(packet.metadata[0]).u32(packet.metadata[1]).bytes
        id = packet.metadata[2]
    }

    /// One end of it.
    struct End: Hashable {
        var address: IPAddress?
        var port: UInt16

        var text: TypedValue {
            let address = address?.description ?? ""
            if port == 0 { return .string(address) }
            return .string(address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)")
        }
    }

    /// Its ends and protocol.
    ///
    /// - Parameter isReversed: whether who began is the key's destination.
    func ends(isReversed: Bool) -> (source: End, destination: End, protocol: UInt8) {
        var reader = StructureReader(bytes)
        let addresses = (Self.address(reader.bytes(16)), Self.address(reader.bytes(16)))
        let first = End(address: addresses.0, port: reader.be16())
        let second = End(address: addresses.1, port: reader.be16())
        let number = reader.u8()
        return isReversed ? (second, first, number) : (first, second, number)
    }

    /// IPv4 as ::ffff:10.0.0.1 is IPv4.
    private static func address(_ bytes: [UInt8]) -> IPAddress? {
        let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
        return IPAddress(bytes: isMapped ? Array(bytes[12...]) : bytes)
    }
}
