// SPDX-License-Identifier: Apache-2.0

import BPF

/// A line that a module wrote by `hover_log`.
public struct ModuleLogLine: Sendable, Hashable {
    /// `md->module_id`.
    public let module: UInt32
    /// Lines of the module that were left out before this one.
    public let leftOut: UInt32
    /// Whatever the module wrote, control characters included.
    public let text: String

    /// Reads `struct hover_log_line` (`include/hover/log_maps.h`).
    init?(_ record: UnsafeRawBufferPointer) {
        guard record.count > 8 else { return nil }
        module = UInt32(littleEndian: record.loadUnaligned(as: UInt32.self))
        leftOut = UInt32(littleEndian: record.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        text = String(decoding: record[8...].prefix { $0 != 0 }, as: UTF8.self)
    }
}

/// The lines of all modules. One reads them.
public final class ModuleLog: Sendable {
    private let ring: BPFRingBuffer

    init(_ map: BPFMap) throws(KernelError) {
        ring = try BPFRingBuffer(map)
    }

    deinit {
        try? DescriptorPoller.shared.get().forget(ring.map.descriptor.number)
    }

    /// The lines that wait, or those that come next; none when the task is cancelled.
    ///
    /// - Throws: `.kernel` when they cannot be waited for.
    public func next() async throws(DataplaneError) -> [ModuleLogLine] {
        while !Task.isCancelled {
            var lines: [ModuleLogLine] = []
            ring.read { record in
                ModuleLogLine(record).map { lines.append($0) }
                return lines.count < 1000
            }
            guard lines.isEmpty else { return lines }
            let wakeup = Wakeup()
            do throws(KernelError) {
                try DescriptorPoller.shared.get().notify(when: ring.map.descriptor.number, is: .readable) {
                    wakeup.wake()
                }
            } catch {
                throw DataplaneError(error)
            }
            await wakeup.sleep()
        }
        return []
    }
}

extension Dataplane {
    /// What modules write by `hover_log`.
    public func moduleLog() throws(DataplaneError) -> ModuleLog {
        do throws(KernelError) {
            return try ModuleLog(BPFMap(pinned: layout.shared(.logs)))
        } catch {
            throw DataplaneError(error)
        }
    }
}
