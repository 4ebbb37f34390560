// SPDX-License-Identifier: Apache-2.0

import CNetlink
import Foundation

extension Interfaces {
    /// Sets offloads of a veth's peer, wherever it lives.
    ///
    /// - Parameters:
    ///   - index: of the peer, in its namespace.
    ///   - near: the index of the end in the calling thread's namespace.
    ///   - address: the peer's link-layer address.
    ///   - receive: generic receive offload.
    ///   - checksum: transmit checksum offload.
    /// - Returns: false when no namespace that this process can enter holds it.
    public static func setOffloads(
        ofPeer index: UInt32, near: UInt32, address: [UInt8], receive: Bool, checksum: Bool
    ) throws(NetlinkError) -> Bool {
        let peer = Peer(index: index, near: near, address: linkLayerText(address[...]))
        if let name = try peer.name() {
            try set(receive: receive, checksum: checksum, on: name)
            return true
        }
        // A thread that has entered another namespace is of no more use for anything else.
        let outcome = Outcome()
        let thread = Thread {
            outcome.finish(Result { try peer.set(receive: receive, checksum: checksum) })
        }
        thread.start()
        do {
            return try outcome.wait().get()
        } catch let error as NetlinkError {
            throw error
        } catch {
            throw NetlinkError(operation: "set offloads of", object: "a veth's peer", reason: "\(error)")
        }
    }

    fileprivate static func set(receive: Bool, checksum: Bool, on name: String) throws(NetlinkError) {
        // ETHTOOL_SGRO and ETHTOOL_STXCSUM (linux/ethtool.h).
        for (command, value, what) in [(0x2c, receive, "receive offload"), (0x17, checksum, "checksum offload")] {
            let result = hover_ethtool_set(name, UInt32(command), value ? 1 : 0)
            guard result == 0 else { throw NetlinkError("set \(what) of", "interface \(name)", errno: -result) }
        }
    }
}

private struct Peer {
    var index: UInt32
    var near: UInt32
    var address: String

    /// Its name, if it is in the calling thread's namespace.
    func name() throws(NetlinkError) -> String? {
        try Interfaces.list().first {
            $0.index == index && $0.kind == "veth" && $0.peerIndex == near && $0.address == address
        }?.name
    }

    /// Enters one namespace after the other.
    func set(receive: Bool, checksum: Bool) throws -> Bool {
        for path in namespaces() {
            let file = open(path, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { continue }
            defer { close(file) }
            guard hover_enter_network(file) == 0, let name = try name() else { continue }
            try Interfaces.set(receive: receive, checksum: checksum, on: name)
            return true
        }
        return false
    }

    /// Those that have a name, then those of processes; each once.
    private func namespaces() -> [String] {
        let named = (try? FileManager.default.contentsOfDirectory(atPath: "/run/netns")) ?? []
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var seen: Set<UInt> = []
        return (named.map { "/run/netns/" + $0 } + processes.filter { Int($0) != nil }.map { "/proc/\($0)/ns/net" })
            .filter { path in
                var status = stat()
                return stat(path, &status) == 0 && seen.insert(UInt(status.st_ino)).inserted
            }
    }
}

/// What a thread has come to, for another one that waits.
private final class Outcome: Sendable {
    private let done = DispatchSemaphore(value: 0)
    // Written before `done` is signalled and read after it was waited for.
    nonisolated(unsafe) private var result: Result<Bool, any Error> = .success(false)

    func finish(_ result: Result<Bool, any Error>) {
        self.result = result
        done.signal()
    }

    func wait() -> Result<Bool, any Error> {
        done.wait()
        return result
    }
}
