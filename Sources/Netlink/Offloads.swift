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
    ///   - transmit: checksums and VLAN tags of what it sends are left to whoever sends the packet on.
    /// - Returns: false when no namespace that this process can enter holds it.
    public static func setOffloads(
        ofPeer index: UInt32, near: UInt32, address: [UInt8], receive: Bool, transmit: Bool
    ) throws(NetlinkError) -> Bool {
        let peer = Peer(index: index, near: near, address: linkLayerText(address[...]))
        if let name = try peer.name() {
            try set(receive: receive, transmit: transmit, on: name)
            return true
        }
        // A thread that has entered another namespace is of no more use for anything else.
        let outcome = Outcome()
        let thread = Thread {
            outcome.finish(Result { try peer.set(receive: receive, transmit: transmit) })
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

    fileprivate static func set(receive: Bool, transmit: Bool, on name: String) throws(NetlinkError) {
        // Commands and flags of linux/ethtool.h.
        var flags: UInt32 = 0
        try ethtool(0x25, &flags, on: name)  // ETHTOOL_GFLAGS
        flags = transmit ? flags | 1 << 7 : flags & ~(1 << 7)  // ETH_FLAG_TXVLAN
        var (gro, checksum) = (receive ? UInt32(1) : 0, transmit ? UInt32(1) : 0)
        try ethtool(0x26, &flags, on: name)  // ETHTOOL_SFLAGS
        try ethtool(0x2c, &gro, on: name)  // ETHTOOL_SGRO
        try ethtool(0x17, &checksum, on: name)  // ETHTOOL_STXCSUM
    }

    private static func ethtool(_ command: UInt32, _ value: inout UInt32, on name: String) throws(NetlinkError) {
        let result = hover_ethtool(name, command, &value)
        guard result == 0 else { throw NetlinkError("set offloads of", "interface \(name)", errno: -result) }
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
    func set(receive: Bool, transmit: Bool) throws -> Bool {
        for path in namespaces() {
            let file = open(path, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { continue }
            defer { close(file) }
            guard hover_enter_network(file) == 0, let name = try name() else { continue }
            try Interfaces.set(receive: receive, transmit: transmit, on: name)
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
