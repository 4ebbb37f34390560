// SPDX-License-Identifier: Apache-2.0

import Controller
import Foundation
import Hummingbird
import Logging

/// Hover's REST API in front of a controller: `/v1`, and the original Hover's API at the root.
public struct RESTServer: Sendable {
    private let backend: Backend
    private let logger: Logger

    /// - Parameter version: what `GET /v1/version` and the OpenAPI document say.
    public init(controller: Controller, version: String, logger: Logger) {
        backend = Backend(controller: controller, version: version)
        self.logger = logger
    }

    /// A service that listens on one address until it is shut down.
    ///
    /// A Unix socket is replaced when it exists already (take a lock first), and is its owner's alone.
    public func application(address: BindAddress) -> some ApplicationProtocol {
        let backend = backend
        let responder = Responder(routes: .all, logger: logger) { (route, call) async throws(HoverError) in
            try await route.handler(backend, call)
        }
        return Self.application(address: address, responder: responder, logger: logger)
    }

    static func application(address: BindAddress, responder: Responder, logger: Logger) -> Application<Responder> {
        Application(
            responder: responder,
            // Longer than clients keep idle connections, so that it is seldom the server who ends one under a request.
            server: .http1(configuration: .init(idleTimeout: .minutes(5))),
            configuration: ApplicationConfiguration(address: address),
            onServerRunning: { channel in
                guard let path = channel.localAddress?.pathname, chmod(path, 0o600) != 0 else { return }
                let reason = String(cString: strerror(errno))
                logger.critical("cannot keep other users from \(path) (\(reason)): not serving")
                channel.close(promise: nil)
            },
            logger: logger)
    }
}

/// What handlers translate requests for.
struct Backend: Sendable {
    let controller: Controller
    let version: String
}
