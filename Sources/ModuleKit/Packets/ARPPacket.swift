// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// A packet of the Address Resolution Protocol for IPv4 over Ethernet (RFC 826).
public struct ARPPacket: Sendable, Hashable {
    public enum Operation: UInt16, Sendable {
        case request = 1
        case reply = 2
    }

    public var operation: Operation
    public var senderMAC: MACAddress
    /// `0.0.0.0` in a probe (RFC 5227).
    public var sender: IPAddress
    /// Zeros in a request.
    public var targetMAC: MACAddress
    public var target: IPAddress

    static let size = 28
    /// Ethernet, IPv4, and the length of an address of each.
    private static let head: [UInt8] = [0, 1, 8, 0, 6, 4]

    public init(
        _ operation: Operation, senderMAC: MACAddress, sender: IPAddress, targetMAC: MACAddress = .unknown,
        target: IPAddress
    ) {
        self.operation = operation
        self.senderMAC = senderMAC
        self.sender = sender
        self.targetMAC = targetMAC
        self.target = target
    }

    /// Nil for what is no such packet. Padding behind it is left out.
    public init?(bytes: some Collection<UInt8>) {
        var reader = StructureReader(bytes)
        guard bytes.count >= Self.size, reader.bytes(6) == Self.head,
            let operation = Operation(rawValue: reader.be16()),
            let senderMAC = MACAddress(bytes: reader.bytes(6)), let sender = IPAddress(bytes: reader.bytes(4)),
            let targetMAC = MACAddress(bytes: reader.bytes(6)), let target = IPAddress(bytes: reader.bytes(4))
        else { return nil }
        self.init(operation, senderMAC: senderMAC, sender: sender, targetMAC: targetMAC, target: target)
    }

    public var bytes: [UInt8] {
        StructureBytes().bytes(Self.head).be16(operation.rawValue).bytes(senderMAC.bytes).bytes(sender.bytes)
            .bytes(targetMAC.bytes).bytes(target.bytes).bytes
    }
}

extension MACAddress {
    /// All zeros: in an ARP request, what is asked for.
    public static let unknown: MACAddress = MACAddress(bytes: [0, 0, 0, 0, 0, 0]) ?? .broadcast
}
