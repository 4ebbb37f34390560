// SPDX-License-Identifier: Apache-2.0

import BPF

/// `struct hover_headers` of hover/headers.h, with offsets as they are where all tags are in the frame.
struct Headers: Equatable {
    var totalLength: UInt32 = 0
    var fragmentID: UInt32 = 0
    var ethertype: UInt16 = 0
    var tags: [UInt16] = []
    var l3Offset: UInt16 = 0
    var l4Offset: UInt16 = 0
    var payloadOffset: UInt16 = 0
    var icmpOffset: UInt16 = 0
    /// For ICMP, type and code.
    var sourcePort: UInt16 = 0
    /// For ICMP, the identifier.
    var destinationPort: UInt16 = 0
    var version: UInt8 = 0
    var fragment: Fragment = .none
    var l4Protocol: UInt8 = 0
    var tcpFlags: UInt8 = 0
    var isRerouted = false

    enum Fragment: UInt8 {
        case none, first, middle, last
    }
}

extension Headers {
    /// Decodes the 32 bytes of the C structure.
    init(_ bytes: ArraySlice<UInt8>, hasTagBeside: Bool) {
        let start = bytes.startIndex
        func word(_ place: Int) -> UInt16 { UInt16(bytes[start + place]) | UInt16(bytes[start + place + 1]) << 8 }
        func offset(_ place: Int) -> UInt16 { word(place) == 0 ? 0 : word(place) + (hasTagBeside ? 4 : 0) }
        totalLength = UInt32(word(0)) | UInt32(word(2)) << 16
        fragmentID = (UInt32(word(4)) | UInt32(word(6)) << 16).byteSwapped
        ethertype = word(8).byteSwapped
        tags = Array([word(10), word(12)].prefix(Int(bytes[start + 27])))
        l3Offset = offset(14)
        l4Offset = offset(16)
        payloadOffset = offset(18)
        icmpOffset = offset(20)
        sourcePort = word(22).byteSwapped
        destinationPort = word(24).byteSwapped
        version = bytes[start + 26]
        fragment = Fragment(rawValue: bytes[start + 28]) ?? .none
        l4Protocol = bytes[start + 29]
        tcpFlags = bytes[start + 30]
        isRerouted = bytes[start + 31] != 0
    }
}

/// What parsing gives: `enum hover_parse_result`.
enum ParseResult: Int32 {
    case ok, notIP, truncated, malformed
}

/// What became of a packet.
struct Outcome {
    /// What the helper returned: 0, a negative error number, or a parse result.
    let returned: Int32
    /// The frame as it would be on the wire.
    let frame: [UInt8]
    let headers: Headers
    let quoted: Headers
    /// Other answers.
    let value: UInt32
    let tag: Tag
    /// The context afterwards; empty when there was none.
    let context: [UInt8]

    /// Decodes `struct results` of Tests/HelperReference/exchange.h.
    init(results: [UInt8], run: TestRun) {
        func word(_ place: Int) -> UInt16 { UInt16(results[place]) | UInt16(results[place + 1]) << 8 }
        func long(_ place: Int) -> UInt32 { UInt32(word(place)) | UInt32(word(place + 2)) << 16 }
        let hasTagBeside = long(176) != 0
        returned = Int32(bitPattern: long(0))
        frame = hasTagBeside ? Array(run.data[..<12] + results[180..<184] + run.data[12...]) : run.data
        headers = Headers(results[80..<112], hasTagBeside: hasTagBeside)
        quoted = Headers(results[112..<144], hasTagBeside: hasTagBeside)
        value = long(184)
        tag = Tag(
            type: word(188).byteSwapped, id: word(190), priority: UInt16(results[192]),
            isDropEligible: results[193] != 0)
        context = run.context
    }

    var parsed: ParseResult? { ParseResult(rawValue: returned) }
}
