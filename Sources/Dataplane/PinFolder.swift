// SPDX-License-Identifier: Apache-2.0

import BPF
import Foundation

/// Folders and files on a bpffs.
enum PinFolder {
    /// Makes `path` and what is missing above it; root's alone, because who can open a pin can change the data plane.
    static func make(_ path: String) throws(KernelError) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/" + part
            if mkdir(made, 0o700) != 0, errno != EEXIST {
                throw KernelError(operation: "make folder", object: made, errno: errno)
            }
        }
    }

    /// Removes a pin. What it kept alive ends with it, unless something else holds it. A missing one is no error.
    static func removePin(_ path: String) throws(KernelError) {
        if unlink(path) != 0, errno != ENOENT {
            throw KernelError(operation: "remove pin", object: path, errno: errno)
        }
    }

    /// Removes a folder with all that is in it. A missing one is no error.
    static func removeTree(_ path: String) throws(KernelError) {
        for entry in try entries(of: path) {
            if entry.isFolder {
                try removeTree(path + "/" + entry.name)
            } else {
                try removePin(path + "/" + entry.name)
            }
        }
        if rmdir(path) != 0, errno != ENOENT {
            throw KernelError(operation: "remove folder", object: path, errno: errno)
        }
    }

    /// What is in a folder; nothing when it is missing.
    static func entries(of path: String) throws(KernelError) -> [(name: String, isFolder: Bool)] {
        guard let folder = opendir(path) else {
            guard errno == ENOENT else { throw KernelError(operation: "read folder", object: path, errno: errno) }
            return []
        }
        defer { closedir(folder) }
        var found: [(name: String, isFolder: Bool)] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if name != ".", name != ".." {
                found.append((name, entry.pointee.d_type == UInt8(DT_DIR)))
            }
        }
        return found
    }
}
