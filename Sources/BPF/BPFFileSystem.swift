// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc

/// The file system that holds pins (`bpffs`).
public enum BPFFileSystem {
    /// Whether a path lies on a mounted bpffs. False when it does not exist, or cannot be looked at.
    public static func isMounted(at path: String) -> Bool {
        var information = statfs()
        return statfs(path, &information) == 0
            && UInt32(truncatingIfNeeded: information.f_type) == UInt32(BPF_FS_MAGIC)
    }

    /// Mounts bpffs on a folder, which is made when it is missing. Only root can look into it.
    public static func mount(at path: String) throws(KernelError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("create folder", path) }
        guard Glibc.mount("bpf", path, "bpf", UInt(MS_NOSUID | MS_NODEV | MS_NOEXEC), "mode=0700") == 0 else {
            throw failure("mount bpffs at", path)
        }
    }

    /// Makes a folder for pins, and what is missing above it, for root alone: who can open a pin can change what the
    /// kernel runs. What is there is left as it is.
    public static func createFolder(_ path: String) throws(KernelError) {
        FaultPoint.pass()
        guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw failure("create folder", path)
        }
        try createFolder(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("create folder", path) }
    }

    /// The names in a folder, sorted.
    public static func contents(of path: String) throws(KernelError) -> [String] {
        guard let folder = opendir(path) else { throw failure("read folder", path) }
        defer { closedir(folder) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(folder) {
            names.append(text(of: entry.pointee.d_name))
        }
        guard errno == 0 else { throw failure("read folder", path) }
        return names.filter { $0 != "." && $0 != ".." }.sorted()
    }

    /// Whether there is a pin or folder.
    public static func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }

    /// Removes a pin; false when it was not there. The object lives on while something else refers to it.
    @discardableResult
    public static func removePin(_ path: String) throws(KernelError) -> Bool {
        FaultPoint.pass()
        guard unlink(path) != 0 else { return true }
        guard errno == ENOENT else { throw failure("remove pin", path) }
        return false
    }

    /// Removes a folder with all pins and folders in it; false when it was not there.
    @discardableResult
    public static func removeFolder(_ path: String) throws(KernelError) -> Bool {
        guard access(path, F_OK) == 0 || errno != ENOENT else { return false }
        for name in try contents(of: path) {
            let child = path + "/" + name
            FaultPoint.pass()
            guard unlink(child) != 0 else { continue }
            guard errno == EISDIR || errno == EPERM else { throw failure("remove pin", child) }
            try removeFolder(child)
        }
        FaultPoint.pass()
        guard rmdir(path) == 0 else { throw failure("remove folder", path) }
        return true
    }

    private static func failure(_ operation: String, _ path: String) -> KernelError {
        KernelError(operation: operation, object: path, errno: errno)
    }
}
