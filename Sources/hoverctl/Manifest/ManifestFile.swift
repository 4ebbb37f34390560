// SPDX-License-Identifier: Apache-2.0

import Foundation
import Yams

/// A file of a manifest, as it was read.
struct ManifestFile: Hashable {
    /// As messages name it.
    var name: String
    /// What paths in it are relative to.
    var folder: String
    var bytes: [UInt8]

    /// The most that a file may weigh: a thousand modules with long sources fit.
    private static let limit = 64 << 20

    private static let extensions = ["yaml", "yml", "json"]

    /// Reads files, folders (their `*.yaml`, `*.yml` and `*.json`, by name) and standard input (`-`).
    ///
    /// - Throws: `CommandFailure`.
    static func read(_ paths: [String]) throws -> [ManifestFile] {
        try paths.flatMap { path -> [ManifestFile] in
            if path == "-" {
                return [try read(path, as: "<stdin>") { try Console.current.read($0) }]
            }
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            let files = exists && isFolder.boolValue ? try contents(ofFolder: path) : [path]
            return try files.map { file in try read(file, as: file) { try readBytes(ofFile: file, atMost: $0) } }
        }
    }

    private static func contents(ofFolder path: String) throws(CommandFailure) -> [String] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw CommandFailure(message: "\(path): \(error.localizedDescription)")
        }
        let manifests = names.filter { name in
            !name.hasPrefix(".") && extensions.contains { name.hasSuffix(".\($0)") }
        }
        guard !manifests.isEmpty else {
            throw CommandFailure(message: "\(path) has no file *.yaml, *.yml or *.json: name a folder with manifests")
        }
        let folder = path.hasSuffix("/") ? path : path + "/"
        return manifests.sorted().map { folder + $0 }
    }

    private static func read(
        _ path: String, as name: String, _ read: (Int) throws -> [UInt8]
    ) throws -> ManifestFile {
        do {
            let bytes = try read(limit + 1)
            guard bytes.count <= limit else {
                throw CommandFailure(message: "\(name) is over \(limit) bytes: give a manifest, in several files")
            }
            let slash = path.lastIndex(of: "/").map { path[...$0] } ?? ""
            return ManifestFile(name: name, folder: String(slash), bytes: bytes)
        } catch let error as SystemError {
            throw CommandFailure(message: "\(name): \(error)")
        }
    }

    /// The file's YAML documents (JSON is YAML).
    func documents() throws(ManifestError) -> [Node] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ManifestError(
                place: SourcePlace(nil, in: name), message: "the file is not UTF-8 text: save it as such")
        }
        do {
            let parser = try Parser(yaml: text)
            var documents: [Node] = []
            while let document = try parser.nextRoot() {
                var nodes = 0
                guard document.isReadable(counting: &nodes) else {
                    throw ManifestError(
                        place: SourcePlace(document.mark, in: name),
                        message: "the document has over \(Node.limit) values, aliases counted as what they stand for: "
                            + "make it smaller")
                }
                documents.append(document)
            }
            return documents
        } catch let error as ManifestError {
            throw error
        } catch {
            throw ManifestError(error, in: name, text: text)
        }
    }

    /// A path in this file, as seen from where the command runs.
    func resolve(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        // A file of the name - is not standard input.
        return folder.isEmpty && path == "-" ? "./-" : folder + path
    }
}

extension Node {
    fileprivate static let limit = 1_000_000

    /// Aliases of aliases can make a few lines stand for more than any memory holds.
    fileprivate func isReadable(counting nodes: inout Int) -> Bool {
        nodes += 1
        guard nodes <= Self.limit else { return false }
        switch self {
        case .scalar, .alias: return true
        case .sequence(let sequence): return sequence.allSatisfy { $0.isReadable(counting: &nodes) }
        case .mapping(let mapping): return mapping.allSatisfy { $0.value.isReadable(counting: &nodes) }
        }
    }
}

extension ManifestError {
    /// What the parser says, in a line.
    fileprivate init(_ error: any Error, in file: String, text: String) {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _),
            YamlError.composer(let context, let problem, let mark, _):
            let doing = context.map { " \($0.text) of line \($0.mark.line)" } ?? ""
            self.init(place: SourcePlace(mark, in: file), message: "bad YAML: \(problem)\(doing)")
        case YamlError.duplicatedKeysInMapping(let keys, let context):
            let names = keys.map { "'\($0)'" }.joined(separator: ", ")
            self.init(place: SourcePlace(context.mark, in: file), message: "key \(names) is given twice: keep one")
        case YamlError.reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0).split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            let place = SourcePlace(file: file, line: max(1, before.count), column: (before.last?.count ?? 0) + 1)
            self.init(place: place, message: "bad YAML: \(problem)")
        default:
            self.init(place: SourcePlace(nil, in: file), message: "bad YAML: \(error)")
        }
    }
}
