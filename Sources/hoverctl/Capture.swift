// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HoverAPI

struct Capture: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the packets that a module sends to its slow path, as they come.",
        discussion: """
            Listening makes them come: as long as nobody does, the kernel drops them. Others who listen get them \
            too. The limits are the module's, for all who listen, and stay when the command ends. -o json prints a \
            document a line, with all bytes in base64.

            Example:
              hoverctl capture web
              hoverctl capture web --count 10 -o json
              hoverctl capture web --rate 100 --snap-length 64
            """)

    @Argument(help: "The module's name or id.", completion: .custom(completeModules))
    var module: Reference
    @Option(name: .shortAndLong, help: "End after so many packets.")
    var count: Int?
    @Option(help: "Change the limit of packets a second, and of packets at once with it.")
    var rate: Int?
    @Option(help: "Change the limit of packets at once.")
    var burst: Int?
    @Option(help: "Change the most bytes of a packet that are shown, 14 to 65535.")
    var snapLength: Int?
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if let count, count < 1 {
            throw ValidationError("--count is at least 1.")
        }
    }

    func run() async throws {
        let limits = SlowPathUpdate(rate: rate, burst: burst, snapLength: snapLength)
        let packets = try await common.client.packets(of: module.text, limits: limits)
        var left = count ?? .max
        try common.confirm(PacketLine.header)
        for try await packet in packets {
            try show(packet)
            left -= 1
            if left == 0 { return }
        }
        throw CommandFailure(message: "the packets of module '\(module.text)' end: it was deleted, or hoverd stopped")
    }

    private func show(_ packet: Packet) throws {
        switch common.output {
        case .table: try common.confirm(PacketLine.text(of: packet))
        case .json: try Console.current.say(jsonLine(packet))
        case .yaml: try Console.current.say("---\n" + yamlDocument(packet))
        }
    }
}

/// A packet in one line for people.
enum PacketLine {
    static let header = line("TIME", "PORT", "REASON", "LENGTH", "KEY", "METADATA", "BYTES")
    /// As many bytes tell the addresses and ports of a packet.
    private static let shownBytes = 48

    static func text(of packet: Packet) -> String {
        let bytes = Data(base64Encoded: packet.bytes) ?? Data()
        let shown = bytes.prefix(shownBytes).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count < 2 ? "0" + digits : digits
        }
        let missed = packet.missed.map { "(\($0) missed before) " } ?? ""
        return line(
            // The date and nanoseconds are in the other formats.
            String(packet.time.drop { $0 != "T" }.dropFirst().prefix(15)), "\(packet.port)", "\(packet.reason)",
            "\(packet.length)", packet.key.map { "\($0)" } ?? "-",
            packet.metadata.map { "\($0)" }.joined(separator: ","),
            missed + shown.joined() + (shown.count < packet.length ? "…" : ""))
    }

    private static func line(_ cells: String...) -> String {
        let widths = [15, 4, 10, 6, 10, 12, 0]
        return zip(cells, widths).map { cell, width in
            cell + String(repeating: " ", count: max(0, width - cell.count))
        }
        .joined(separator: "  ")
    }
}

struct CreatePacket: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "packet", abstract: "Send a packet out of a module's port, or into it as if received there.",
        discussion: """
            The bytes are hexadecimal digits of the whole frame from its Ethernet header; colons and spaces between \
            them are ignored.

            Example:
              hoverctl create packet web:1 out ffffffffffff020000000001 88b5 00
              hoverctl create packet web:1 in "ff:ff:ff:ff:ff:ff 02:00:00:00:00:01 88b5"
            """)

    @Argument(
        help: "The port: NAME:PORT or m:UUID:PORT.", completion: .custom(completeModules),
        transform: { try LinkEnd(argument: $0) })
    var end: LinkEnd
    @Argument(help: "Where it goes.")
    var direction: PacketRequest.Direction
    @Argument(help: "The frame's bytes.")
    var bytes: [String]
    @OptionGroup var common: CommonOptions

    func run() async throws {
        guard let port = end.port else { throw ValidationError("a packet needs a port: give NAME:PORT") }
        guard let frame = Self.frame(bytes.joined()) else {
            throw ValidationError("the bytes are pairs of hexadecimal digits")
        }
        let request = PacketRequest(port: port, direction: direction, bytes: Data(frame).base64EncodedString())
        try await common.client.sendPackets([request], module: end.node)
        try common.confirm("sent \(frame.count) bytes \(direction.rawValue) port \(port) of module \(end.node)")
    }

    static func frame(_ text: String) -> [UInt8]? {
        let digits = text.filter { $0 != ":" && $0 != " " }.map(\.hexDigitValue)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index], let low = digits[index + 1] else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        return bytes
    }
}

extension PacketRequest.Direction: ExpressibleByArgument {}

struct GetSlowPath: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slow-path", abstract: "Show what a module may send to its slow path, and what it had held.",
        discussion: """
            Example:
              hoverctl get slow-path web
            """)

    @Argument(help: "The module's name or id.", completion: .custom(completeModules))
    var module: Reference
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let slowPath = try await common.client.slowPath(of: module.text)
        try await common.show(slowPath) { [TextTable(slowPath)] }
    }
}

extension TextTable {
    init(_ slowPath: SlowPath) {
        columns = ["RATE", "BURST", "SNAP-LENGTH", "LISTENERS", "HELD", "EXPIRED", "OVERFLOWED"]
        rows = [
            [
                "\(slowPath.rate)", "\(slowPath.burst)", "\(slowPath.snapLength)", "\(slowPath.listeners)",
                "\(slowPath.held)", "\(slowPath.expired)", "\(slowPath.overflowed)",
            ]
        ]
    }
}
