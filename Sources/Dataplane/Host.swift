// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation

/// What `hoverd` needs of the host it runs on.
public enum Host {
    /// Capabilities that Hover needs, with their numbers (linux/capability.h): the first five for BPF, interfaces,
    /// packets and mounts, the others to give the compiler's sandbox up to an unprivileged user.
    private static let capabilities = [
        ("CAP_BPF", 39), ("CAP_NET_ADMIN", 12), ("CAP_NET_RAW", 13), ("CAP_PERFMON", 38), ("CAP_SYS_ADMIN", 21),
        ("CAP_SETUID", 7), ("CAP_SETGID", 6),
    ]

    /// Checks that this process has the capabilities that Hover needs.
    ///
    /// - Throws: an error that lists those that are missing.
    public static func checkCapabilities() throws(HostError) {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let effective = line.flatMap { UInt64($0.dropFirst("CapEff:".count).trimmed, radix: 16) } ?? 0
        let missing = capabilities.filter { effective & (1 << UInt64($0.1)) == 0 }.map(\.0)
        guard missing.isEmpty else {
            throw HostError(
                description: "hoverd may not use what it needs of the kernel: \(missing.joined(separator: ", ")) "
                    + "missing; run it as root, or give it these capabilities (AmbientCapabilities= in systemd)")
        }
    }

    /// Makes sure that the folder for pins exists and is on a bpffs. The usual place is mounted when it is not.
    ///
    /// - Throws: when it is elsewhere and no bpffs, with the command that mounts one.
    public static func prepare(pinFolder: String) throws(HostError) {
        var existing = pinFolder
        while !FileManager.default.fileExists(atPath: existing), existing != "/", !existing.isEmpty {
            existing = (existing as NSString).deletingLastPathComponent
        }
        do throws(KernelError) {
            try mountIfUsual(pinFolder)
            if BPFFileSystem.isMounted(at: existing) {
                return try BPFFileSystem.createFolder(pinFolder)
            }
        } catch {
            throw HostError(description: "\(error)")
        }
        throw HostError(
            description: "\(pinFolder) is not on a bpffs, where pins must be: mount one "
                + "(mount -t bpf bpf \(existing)), or leave --bpffs out")
    }

    /// Removes the folder for pins, which must be empty, unless it is a mounted bpffs itself.
    public static func release(pinFolder: String) throws(HostError) {
        guard rmdir(pinFolder) == 0 || errno == EBUSY else {
            throw HostError(description: "remove folder \(pinFolder): \(String(cString: strerror(errno)))")
        }
    }

    private static func mountIfUsual(_ pinFolder: String) throws(KernelError) {
        let usual = "/sys/fs/bpf"
        if pinFolder == usual || pinFolder.hasPrefix(usual + "/"), !BPFFileSystem.isMounted(at: usual) {
            try BPFFileSystem.mount(at: usual)
        }
    }
}

extension Substring {
    fileprivate var trimmed: String { trimmingCharacters(in: .whitespaces) }
}
