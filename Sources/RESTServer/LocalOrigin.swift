// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import HoverAPI
import Hummingbird

/// Keeps web pages away from the TCP listener.
///
/// Whoever sends a request to it can load programs into the kernel, and there is no password. It listens on loopback
/// only, but any web page that somebody on this host looks at can make the browser send requests there. Two things give
/// such requests away: the page's origin, which the browser puts into each request that could change something; and the
/// host name, when the page's own name was made to point to 127.0.0.1 (DNS rebinding), which makes it the same origin.
enum LocalOrigin {
    /// The answer to a request that may come from a foreign page; nil for others.
    static func refusal(of head: HTTPRequest) -> Response? {
        guard isLocal(authority: head.authority ?? "") else {
            return refusal("the Host of the request is not this host's loopback: use localhost, 127.0.0.1 or [::1]")
        }
        guard let origin = head.headerFields[.origin] else { return nil }
        let parts = origin.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "http:" || parts[0] == "https:", isLocal(authority: String(parts[2])) else {
            return refusal("the Origin of the request is a foreign page: use the API from this host")
        }
        return nil
    }

    private static func refusal(_ detail: String) -> Response {
        .problem(Problem(status: .forbidden, detail: detail))
    }

    /// Whether `name`, `name:port` or `[address]:port` is loopback by its very text: looking a name up is what an
    /// attacker controls.
    static func isLocal(authority: String) -> Bool {
        let name: Substring
        let rest: Substring
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            name = authority[authority.index(after: authority.startIndex)..<end]
            rest = authority[end...].dropFirst()
            guard name == "::1" else { return false }
        } else {
            name = authority.prefix { $0 != ":" }
            rest = authority[name.endIndex...]
            guard name.lowercased() == "localhost" || isLoopback(name) else { return false }
        }
        return rest.isEmpty || rest.hasPrefix(":") && rest.dropFirst().allSatisfy(\.isNumber)
    }

    private static func isLoopback(_ name: Substring) -> Bool {
        var address = in_addr()
        return inet_pton(AF_INET, String(name), &address) == 1 && name.hasPrefix("127.")
    }
}
