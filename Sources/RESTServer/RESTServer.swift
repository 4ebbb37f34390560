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

    /// A service that serves on one address until it is shut down.
    ///
    /// - Parameter onListening: called once clients can connect.
    public func listener(on address: Listener.Address, onListening: @escaping @Sendable () -> Void = {}) -> Listener {
        let backend = backend
        let responder = Responder(routes: .all, logger: logger) { (route, call) async throws(HoverError) in
            try await backend.answer(route, call)
        }
        return Listener(
            address: address,
            application: Self.application(
                address: address.bindAddress, responder: responder, onListening: onListening, logger: logger))
    }

    static func application(
        address: BindAddress, responder: Responder, onListening: @escaping @Sendable () -> Void = {}, logger: Logger
    ) -> Application<Responder> {
        Application(
            responder: responder,
            // Longer than clients keep idle connections, so that it is seldom the server who ends one under a request.
            server: .http1(
                configuration: .init(additionalChannelHandlers: [ContinueHandler()], idleTimeout: .minutes(5))),
            configuration: ApplicationConfiguration(address: address),
            onServerRunning: { channel in
                guard let path = channel.localAddress?.pathname, chmod(path, 0o600) != 0 else { return onListening() }
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

    /// Runs a route's handler for who asks, and says in an ETag which revision the answer is of.
    func answer(_ route: Route, _ call: Call) async throws(HoverError) -> Response {
        let made = RevisionMade()
        let before = await controller.currentRevision
        let result: Result<Response, HoverError> = await ChangeContext.$author.withValue(call.author) {
            await ChangeContext.$expectedRevision.withValue(call.expectedRevision) {
                await ChangeContext.$made.withValue(made) {
                    do throws(HoverError) {
                        return .success(try await route.handler(self, call))
                    } catch {
                        return .failure(error)
                    }
                }
            }
        }
        var response = try result.get()
        if route.operation != nil {
            // Of a revision before the answer: what changed meanwhile makes a change that is based on it stale.
            response.headers[.eTag] = "\"\(made.number ?? before)\""
        }
        return response
    }
}
