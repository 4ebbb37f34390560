// SPDX-License-Identifier: Apache-2.0

import HoverAPI

/// A manifest out of files, and where in them its parts stand.
struct LoadedManifest: Hashable {
    var manifest = Manifest()
    /// By the JSON pointer (RFC 6901) into the manifest as it is sent.
    var places: [String: SourcePlace] = [:]

    /// Reads and merges the manifests at these paths, as `-f` takes them.
    ///
    /// - Throws: `CommandFailure` for files that cannot be read, `ManifestErrors` for what is wrong in them.
    static func load(_ paths: [String]) throws -> LoadedManifest {
        try load(ManifestFile.read(paths))
    }

    static func load(_ files: [ManifestFile]) throws(ManifestErrors) -> LoadedManifest {
        var reader = ManifestReader()
        for file in files { reader.read(file) }
        return try reader.finish()
    }

    /// Where the thing stands that a pointer leads to, or else what it is in.
    func place(of pointer: String) -> SourcePlace? {
        var path = pointer[...]
        while !path.isEmpty {
            if let place = places[String(path)] { return place }
            path = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
        }
        return nil
    }

    /// The C source of the module that a pointer leads into.
    func source(of pointer: String) -> (file: String, text: String)? {
        let parts = pointer.split(separator: "/")
        guard parts.count > 1, parts[0] == "modules", let index = Int(parts[1]),
            manifest.modules.indices.contains(index), let source = manifest.modules[index].source
        else { return nil }
        return (manifest.modules[index].file ?? "module.c", source)
    }
}

/// A member's name or an element's index as a part of a JSON pointer.
func pointerPart(_ name: String) -> String {
    "/" + name.replacing("~", with: "~0").replacing("/", with: "~1")
}
