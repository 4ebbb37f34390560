// SPDX-License-Identifier: Apache-2.0

import Foundation
import Hummingbird
import NIOCore
import ServiceLifecycle

/// The API on one address, until it is shut down.
public struct Listener: Service {
    /// Where clients find the API.
    public enum Address: Sendable, CustomStringConvertible {
        /// A Unix socket, which is replaced when it exists already (take a lock first), and is its owner's alone.
        case socket(path: String)
        case tcp(host: String, port: Int)

        public var description: String {
            switch self {
            case .socket(let path): path
            case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            }
        }

        var bindAddress: BindAddress {
            switch self {
            case .socket(let path): .unixDomainSocket(path: path)
            case .tcp(let host, let port): .hostname(host, port: port)
            }
        }
    }

    let address: Address
    let application: Application<Responder>

    /// - Throws: `ListenError` when the address cannot be had.
    public func run() async throws {
        do {
            try await application.run()
        } catch let error as IOError {
            throw ListenError(address: address, reason: String(cString: strerror(error.errnoCode)))
        } catch SocketAddressError.unixDomainSocketPathTooLong {
            throw ListenError(address: address, reason: "the path of a Unix socket has 107 bytes at most")
        }
    }
}

/// Why `hoverd` does not listen on an address.
public struct ListenError: Error, Sendable, CustomStringConvertible {
    let address: Listener.Address
    let reason: String

    public var description: String {
        "cannot listen on \(address) (\(reason)): stop what listens there, or use another --listen or --run-dir"
    }
}
