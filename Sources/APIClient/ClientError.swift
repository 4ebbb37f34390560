// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import HoverAPI
import NIOCore
import NIOHTTP1
import NIOPosix

/// Why `hoverd` could not be asked, or its answer not be understood. What `hoverd` itself refuses is a `Problem`.
public enum ClientError: Error, Hashable, CustomStringConvertible {
    /// The text is neither a path nor `http://host:port`.
    case invalidEndpoint(String)
    /// Nothing listens at the endpoint; `reason` is the system's word for it.
    case notRunning(Endpoint, reason: String)
    /// The socket may not be opened by this user.
    case permissionDenied(Endpoint)
    /// No answer within the client's time limit.
    case timedOut(Endpoint, limit: Duration)
    /// The connection failed in another way, or was closed before the answer was complete.
    case connectionFailed(Endpoint, reason: String)
    /// The answer is not what Hover's API answers; `content` is its beginning.
    case unexpectedAnswer(Endpoint, status: Int, content: String, reason: String)

    /// What went wrong, and what to do about it.
    public var description: String {
        let variable = Endpoint.environmentVariable
        switch self {
        case .invalidEndpoint(let text):
            return
                "'\(text)' is no endpoint: give the path of hoverd's Unix socket (with a / in it, at most 107 bytes) "
                + "or http://host:port"
        case .notRunning(let endpoint, let reason):
            return "hoverd is not running at \(endpoint) (\(reason)): start hoverd, or name its socket with "
                + "--endpoint or \(variable)"
        case .permissionDenied(let endpoint):
            return "no permission to use \(endpoint): run as root, or as a user who may write to that socket"
        case .timedOut(let endpoint, let limit):
            return "hoverd at \(endpoint) gave no answer within \(limit.components.seconds) s: "
                + "see its log, then try again"
        case .connectionFailed(let endpoint, let reason):
            return "the connection to hoverd at \(endpoint) failed (\(reason)): see its log, then try again"
        case .unexpectedAnswer(let endpoint, let status, let content, let reason):
            let quoted = content.isEmpty ? "nothing" : "'\(content)'"
            return "what listens at \(endpoint) does not speak this version of hover's API "
                + "(\(reason); HTTP status \(status), it said \(quoted)): check --endpoint or \(variable), "
                + "and that hoverd and its client are of one version"
        }
    }

    /// Sorts what the HTTP client threw.
    init(_ error: any Error, endpoint: Endpoint, limit: Duration) {
        switch error {
        case let error as IOError:
            self = ClientError(errno: error.errnoCode, endpoint: endpoint, limit: limit)
        case let error as NIOConnectionError:
            // Every address of the host failed: the last one tried tells no less than the others.
            if let last = error.connectionErrors.last {
                self = ClientError(last.error, endpoint: endpoint, limit: limit)
            } else {
                self = .connectionFailed(endpoint, reason: "the host's name has no address")
            }
        case let error as HTTPClientError
        where [.connectTimeout, .deadlineExceeded, .readTimeout].contains(error):
            self = .timedOut(endpoint, limit: limit)
        case ChannelError.connectTimeout:
            self = .timedOut(endpoint, limit: limit)
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            self = .connectionFailed(endpoint, reason: "it was closed before the answer was complete")
        case HTTPParserError.invalidEOFState:
            self = .connectionFailed(endpoint, reason: "it was closed before the answer was complete")
        case is HTTPParserError:
            self = .connectionFailed(endpoint, reason: "what listens there does not speak HTTP")
        default:
            self = .connectionFailed(endpoint, reason: "\(error)")
        }
    }

    private init(errno code: CInt, endpoint: Endpoint, limit: Duration) {
        let reason = String(cString: strerror(code))
        switch code {
        case ENOENT, ECONNREFUSED: self = .notRunning(endpoint, reason: reason)
        case EACCES, EPERM: self = .permissionDenied(endpoint)
        case ETIMEDOUT: self = .timedOut(endpoint, limit: limit)
        default: self = .connectionFailed(endpoint, reason: reason)
        }
    }
}
