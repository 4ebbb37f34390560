// SPDX-License-Identifier: Apache-2.0

import Dataplane

extension Controller {
    /// Writes into the log what modules write by `hover_log`, until the task is cancelled.
    public func followModuleLog() async throws(HoverError) {
        do throws(DataplaneError) {
            let log = try await dataplane.moduleLog()
            while !Task.isCancelled {
                for line in try await log.next() {
                    write(line)
                }
            }
        } catch {
            throw HoverError(error)
        }
    }

    private func write(_ line: ModuleLogLine) {
        let name = model.modules.values.first { $0.number == line.module }?.name ?? "number \(line.module), now gone"
        if line.leftOut > 0 {
            logger.notice("module \(name): \(line.leftOut) lines before the next were left out: it writes too many")
        }
        logger.info("module \(name): \(line.text.withoutControls)")
    }
}

extension String {
    /// A line of strangers' text stays one line, and says nothing to a terminal.
    fileprivate var withoutControls: String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }
}
