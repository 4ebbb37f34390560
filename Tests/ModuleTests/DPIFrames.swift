// SPDX-License-Identifier: Apache-2.0

/// A packet with a payload that says what application it is of.
struct DPIFrame {
    enum Transport: UInt8 {
        case icmp = 1
        case tcp = 6
        case udp = 17
    }

    var number: Transport = .tcp
    var isIPv4 = true
    var sourcePort: UInt16 = 40_000
    var destinationPort: UInt16 = 443
    /// Whether it comes from whom the flow was begun with.
    var isReply = false
    var tag: UInt16?
    /// DSCP and ECN.
    var trafficClass: UInt8 = 0
    /// Of IPv4: flags and offset.
    var fragment: UInt16 = 0
    var sequence: UInt32 = 1
    var payload: [UInt8] = []

    static let leftMAC: [UInt8] = [2, 0, 0, 0, 0, 1]
    static let rightMAC: [UInt8] = [2, 0, 0, 0, 0, 2]

    var l3Offset: Int { tag == nil ? 14 : 18 }

    var bytes: [UInt8] {
        var frame = isReply ? Self.leftMAC + Self.rightMAC : Self.rightMAC + Self.leftMAC
        if let tag { frame += [0x81, 0] + be16(tag) }
        return frame + (isIPv4 ? [8, 0] : [0x86, 0xdd]) + datagram
    }

    private var addresses: [UInt8] {
        let left: [UInt8] = isIPv4 ? [10, 0, 0, 1] : [0xfd] + [UInt8](repeating: 0, count: 14) + [1]
        let right: [UInt8] = isIPv4 ? [10, 0, 0, 2] : [0xfd] + [UInt8](repeating: 0, count: 14) + [2]
        return isReply ? right + left : left + right
    }

    private var datagram: [UInt8] {
        let l4 = l4
        if !isIPv4 {
            return [0x60 | trafficClass >> 4, trafficClass << 4, 0, 0] + be16(UInt16(l4.count)) + [number.rawValue, 64]
                + addresses + l4
        }
        var header: [UInt8] = [0x45, trafficClass] + be16(UInt16(20 + l4.count)) + [0, 9] + be16(fragment)
        header += [64, number.rawValue, 0, 0] + addresses
        let sum = ~Self.sum(header)
        header.replaceSubrange(10..<12, with: be16(sum))
        return header + l4
    }

    private var l4: [UInt8] {
        let ports = isReply ? [destinationPort, sourcePort] : [sourcePort, destinationPort]
        var bytes = ports.flatMap(be16)
        let at: Int
        switch number {
        case .icmp:
            bytes = [isReply ? 0 : 8, 0, 0, 0] + be16(sourcePort) + [0, 1] + payload
            return bytes
        case .tcp:
            bytes += be16(UInt16(sequence >> 16)) + be16(UInt16(sequence & 0xffff)) + [0, 0, 0, 1, 0x50, 0x18, 16, 0]
            bytes += [0, 0, 0, 0] + payload
            at = 16
        case .udp:
            bytes += be16(UInt16(8 + payload.count)) + [0, 0] + payload
            at = 6
        }
        let pseudo = addresses + [0, number.rawValue] + be16(UInt16(bytes.count))
        bytes.replaceSubrange(at..<at + 2, with: be16(~Self.sum(pseudo + bytes)))
        return bytes
    }

    private func be16(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }

    /// The Internet's checksum before it is inverted (RFC 1071).
    static func sum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for (index, byte) in bytes.enumerated() {
            sum += index.isMultiple(of: 2) ? UInt32(byte) << 8 : UInt32(byte)
        }
        while sum > 0xffff { sum = (sum & 0xffff) + sum >> 16 }
        return UInt16(sum)
    }
}

extension DPIFrame {
    /// A question for a name (RFC 1035, 4.1).
    static func dns(_ name: String, port: UInt16 = 40_000) -> DPIFrame {
        let labels = name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        let question: [UInt8] = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + labels + [0, 0, 1, 0, 1]
        return DPIFrame(number: .udp, sourcePort: port, destinationPort: 53, payload: question)
    }

    /// A client's greeting with a server name (RFC 8446, 4.1.2; RFC 6066, 3).
    static func tls(_ host: String, port: UInt16 = 40_000) -> DPIFrame {
        DPIFrame(sourcePort: port, payload: clientHello(host))
    }

    private static func clientHello(_ host: String) -> [UInt8] {
        let name = Array(host.utf8)
        func sized(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xff)] + bytes }
        var extensions: [UInt8] = [0, 0] + sized(sized([0] + sized(name)))
        // Groups and signature algorithms.
        extensions += [0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 4, 0, 2, 4, 3]
        let hello: [UInt8] =
            [3, 3] + [UInt8](repeating: 0x11, count: 32) + [0] + sized([0x13, 0x01, 0xc0, 0x2f]) + [1, 0]
            + sized(extensions)
        return [0x16, 3, 1] + sized([1, 0] + sized(hello))
    }

    static func http(_ host: String, port: UInt16 = 40_000) -> DPIFrame {
        DPIFrame(
            sourcePort: port, destinationPort: 80,
            payload: Array("GET /page HTTP/1.1\r\nHost: \(host)\r\nUser-Agent: test\r\n\r\n".utf8))
    }

    /// The client's first packet of RFC 9001, A.2: its server name is example.com.
    static var quic: DPIFrame { DPIFrame(number: .udp, payload: quicInitial) }

    /// What nDPI knows nothing of.
    static func noise(port: UInt16 = 40_000, _ index: Int = 0) -> DPIFrame {
        DPIFrame(
            number: .udp, sourcePort: port, destinationPort: 45_678,
            payload: (0..<100).map { UInt8(truncatingIfNeeded: $0 * 7 + index * 13 + 200) })
    }

    private static let quicInitial: [UInt8] = {
        let digits = quicDigits.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }()

    private static let quicDigits = """
        c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c0bab7df5
        976d27cd449f63300099f3991c260ec4c60d17b31f8429157bb35a1282a643a8d2262cad67500cadb8e7378c8eb7539ec4d4905f
        ed1bee1fc8aafba17c750e2c7ace01e6005f80fcb7df621230c83711b39343fa028cea7f7fb5ff89eac2308249a02252155e2347
        b63d58c5457afd84d05dfffdb20392844ae812154682e9cf012f9021a6f0be17ddd0c2084dce25ff9b06cde535d0f920a2db1bf3
        62c23e596d11a4f5a6cf3948838a3aec4e15daf8500a6ef69ec4e3feb6b1d98e610ac8b7ec3faf6ad760b7bad1db4ba3485e8a94
        dc250ae3fdb41ed15fb6a8e5eba0fc3dd60bc8e30c5c4287e53805db059ae0648db2f64264ed5e39be2e20d82df566da8dd5998c
        cabdae053060ae6c7b4378e846d29f37ed7b4ea9ec5d82e7961b7f25a9323851f681d582363aa5f89937f5a67258bf63ad6f1a0b
        1d96dbd4faddfcefc5266ba6611722395c906556be52afe3f565636ad1b17d508b73d8743eeb524be22b3dcbc2c7468d54119c74
        68449a13d8e3b95811a198f3491de3e7fe942b330407abf82a4ed7c1b311663ac69890f4157015853d91e923037c227a33cdd5ec
        281ca3f79c44546b9d90ca00f064c99e3dd97911d39fe9c5d0b23a229a234cb36186c4819e8b9c5927726632291d6a418211cc29
        62e20fe47feb3edf330f2c603a9d48c0fcb5699dbfe5896425c5bac4aee82e57a85aaf4e2513e4f05796b07ba2ee47d80506f8d2
        c25e50fd14de71e6c418559302f939b0e1abd576f279c4b2e0feb85c1f28ff18f58891ffef132eef2fa09346aee33c28eb130ff2
        8f5b766953334113211996d20011a198e3fc433f9f2541010ae17c1bf202580f6047472fb36857fe843b19f5984009ddc324044e
        847a4f4a0ab34f719595de37252d6235365e9b84392b061085349d73203a4a13e96f5432ec0fd4a1ee65accdd5e3904df54c1da5
        10b0ff20dcc0c77fcb2c0e0eb605cb0504db87632cf3d8b4dae6e705769d1de354270123cb11450efc60ac47683d7b8d0f811365
        565fd98c4c8eb936bcab8d069fc33bd801b03adea2e1fbc5aa463d08ca19896d2bf59a071b851e6c239052172f296bfb5e724047
        90a2181014f3b94a4e97d117b438130368cc39dbb2d198065ae3986547926cd2162f40a29f0c3c8745c0f50fba3852e566d44575
        c29d39a03f0cda721984b6f440591f355e12d439ff150aab7613499dbd49adabc8676eef023b15b65bfc5ca06948109f23f350db
        82123535eb8a7433bdabcb909271a6ecbcb58b936a88cd4e8f2e6ff5800175f113253d8fa9ca8885c2f552e657dc603f252e1a8e
        308f76f0be79e2fb8f5d5fbbe2e30ecadd220723c8c0aea8078cdfcb3868263ff8f0940054da48781893a7e49ad5aff4af300cd8
        04a6b6279ab3ff3afb64491c85194aab760d58a606654f9f4400e8b38591356fbf6425aca26dc85244259ff2b19c41b9f96f3ca9
        ec1dde434da7d2d392b905ddf3d1f9af93d1af5950bd493f5aa731b4056df31bd267b6b90a079831aaf579be0a39013137aac6d4
        04f518cfd46840647e78bfe706ca4cf5e9c5453e9f7cfd2b8b4c8d169a44e55c88d4a9a7f9474241e221af44860018ab0856972e
        194cd934
        """
}
