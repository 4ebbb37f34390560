// SPDX-License-Identifier: Apache-2.0

import HoverAPI

/// Where `hoverd` listens.
public enum Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// The path of its Unix socket.
    case unixSocket(path: String)
    /// A TCP address, `http://host:port`.
    case tcp(host: String, port: Int)

    /// The environment variable that names the endpoint.
    public static let environmentVariable = "HOVER_ENDPOINT"

    /// Where `hoverd` listens unless it is told otherwise.
    public static let standard = Endpoint.unixSocket(path: "/run/hover/hover.sock")

    /// Bytes, without the zero at the end: `sun_path` in unix(7).
    private static let longestPath = 107

    /// Reads an endpoint: a path, with or without `unix:` before it, or `http://host:port`.
    ///
    /// - Throws: `ClientError.invalidEndpoint`.
    public init(_ text: String) throws(ClientError) {
        let path = text.hasPrefix("unix:") ? String(text.dropFirst("unix:".count)) : text
        if let rest = text.dropping(prefix: "http://") {
            let address = rest.hasSuffix("/") ? rest.dropLast() : rest
            guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]),
                (1...65535).contains(port), colon != address.startIndex, !address.contains("/")
            else { throw .invalidEndpoint(text) }
            self = .tcp(host: String(address[..<colon]), port: port)
        } else if path.contains("/"), !path.contains("://"), path.utf8.count <= Self.longestPath {
            self = .unixSocket(path: path)
        } else {
            throw .invalidEndpoint(text)
        }
    }

    /// As `init(_:)` reads it.
    public var description: String {
        switch self {
        case .unixSocket(let path): path
        case .tcp(let host, let port): "http://\(host):\(port)"
        }
    }

    /// What URLs of the API begin with.
    var baseURL: String {
        switch self {
        case .unixSocket(let path): "http+unix://" + percentEncoded(path)
        case .tcp(let host, let port): "http://\(host):\(port)"
        }
    }
}

/// Text as one part of a URL's path or query: all but RFC 3986's unreserved characters are encoded.
func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var encoded: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            encoded.append(byte)
        default:
            encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return String(decoding: encoded, as: UTF8.self)
}

extension String {
    fileprivate func dropping(prefix: String) -> Substring? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }
}
