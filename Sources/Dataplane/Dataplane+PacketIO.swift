// SPDX-License-Identifier: Apache-2.0

import BPF

// Packets between modules and user space.
extension Dataplane {
    /// The part in user space of a module that is loaded.
    public func slowPath(ofModule id: String) throws(DataplaneError) -> SlowPath {
        if let slowPath = slowPaths[id] {
            return slowPath
        }
        guard let image = images[id] else { throw .kernel("module \(id) is not loaded") }
        do throws(KernelError) {
            let slowPath = try SlowPath(
                module: id, image: image, socket: packetSocket(), layout: layout, dataplane: self, logger: logger)
            slowPaths[id] = slowPath
            return slowPath
        } catch {
            throw DataplaneError(error)
        }
    }

    /// Begins to listen to a module's packet-ins, under limits that hold for all who listen to it.
    public func listen(toModule id: String, limits: SlowPathLimits) throws(DataplaneError) -> PacketIns {
        let slowPath = try slowPath(ofModule: id)
        try translating {
            let maps = try SlowPathMaps(layout)
            if slowPath.feed.isOpen {
                try maps.slowPaths.set(limits.bytes, for: [UInt8](littleEndian: slowPath.number))
            } else {
                slowPath.feed.open(
                    try expedited { () throws(KernelError) in
                        try PacketRing(module: slowPath.number, limits: limits, maps: maps)
                    })
            }
        }
        return slowPath.feed.listen()
    }

    /// Sets the limits of a module that somebody listens to; of another one they are given when somebody does.
    public func setLimits(_ limits: SlowPathLimits, ofModule id: String) throws(DataplaneError) {
        guard let slowPath = slowPaths[id], slowPath.feed.isOpen else { return }
        try translating {
            try SlowPathMaps(layout).slowPaths.set(limits.bytes, for: [UInt8](littleEndian: slowPath.number))
        }
    }

    /// How many listen to a module, and what it had held.
    public func slowPathCounts(ofModule id: String) -> (listeners: Int, holds: HoldCounts) {
        slowPaths[id].map { ($0.feed.listenerCount, $0.holds) } ?? (0, HoldCounts())
    }

    /// The listener that was the last one has gone.
    func stopListening(toModule id: String) {
        guard let slowPath = slowPaths[id], slowPath.feed.listenerCount == 0 else { return }
        close(slowPath)
    }

    /// Ends what has to do with a module's slow path, before the module is unloaded.
    func endSlowPath(ofModule id: String) {
        guard let slowPath = slowPaths.removeValue(forKey: id) else { return }
        close(slowPath)
    }

    private func close(_ slowPath: SlowPath) {
        if slowPath.feed.isOpen {
            do throws(KernelError) {
                let maps = try SlowPathMaps(layout)
                try expedited { () throws(KernelError) in try maps.remove(module: slowPath.number) }
            } catch {
                logger.warning("\(error)")
            }
        }
        slowPath.feed.close()
    }

    /// One for all modules, made when it is first needed.
    private func packetSocket() throws(KernelError) -> PacketSocket {
        if let socket {
            return socket
        }
        guard let device else {
            throw KernelError(operation: "send to", object: "hover's device", errno: 19, remedy: "restart hoverd")
        }
        let made = try PacketSocket(device: device)
        socket = made
        return made
    }
}
