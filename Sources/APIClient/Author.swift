// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI

extension HoverClient {
    /// The person behind this process: who called sudo, else the user by name, else by number; and the host.
    public static let processAuthor = author(
        environment: ProcessInfo.processInfo.environment, uid: getuid(), host: hostName)

    /// As uname(2) has it. Foundation's would ask DNS.
    private static var hostName: String {
        var buffer = [CChar](repeating: 0, count: Int(HOST_NAME_MAX) + 1)
        guard gethostname(&buffer, buffer.count) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func author(environment: [String: String], uid: uid_t, host: String) -> String {
        let user = ["SUDO_USER", "USER"].compactMap { environment[$0] }.first { !$0.isEmpty } ?? "\(uid)"
        return "\(user)@\(host)"
    }

    /// The text as a header's value can carry it: what is no visible ASCII character is shown as `?`.
    static func headerValue(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { ("!"..."~").contains($0) ? $0 : "?" }))
    }
}
