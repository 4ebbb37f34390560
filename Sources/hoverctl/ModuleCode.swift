// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI

/// A module's code, read from a file or from standard input.
struct ModuleCode: Hashable {
    enum Content: Hashable {
        case source(String)
        case object([UInt8])
    }

    /// The file's name without its folders; `module.c` from standard input.
    var file: String
    var content: Content

    /// - Parameter path: `-` is standard input.
    /// - Throws: `CommandFailure`.
    init(reading path: String) throws {
        // One byte more tells what is too large, also of files without an end.
        let most = ModuleRequest.codeLimit + 1
        do {
            let bytes = path == "-" ? try Console.current.read(most) : try readBytes(ofFile: path, atMost: most)
            try self.init(bytes, file: path == "-" ? "module.c" : String(path.split(separator: "/").last ?? ""))
        } catch let error as SystemError {
            throw CommandFailure(message: "\(path == "-" ? "standard input" : path): \(error)")
        }
    }

    init(_ bytes: [UInt8], file: String) throws(CommandFailure) {
        self.file = file
        guard bytes.count <= ModuleRequest.codeLimit else {
            throw CommandFailure(
                message: "\(file) is over \(ModuleRequest.codeLimit) bytes, the most that hoverd takes: make it smaller"
            )
        }
        guard !bytes.isEmpty else {
            throw CommandFailure(message: "\(file) is empty: give C source or an eBPF object")
        }
        if bytes.starts(with: [0x7f] + Array("ELF".utf8)) {
            content = .object(bytes)
        } else if let source = String(validating: bytes, as: UTF8.self) {
            content = .source(source)
        } else {
            throw CommandFailure(message: "\(file) is neither an ELF object nor UTF-8 text: give one of them")
        }
    }

    /// What a module from this file is called unless it is told: `web` for `web.c` and `web.bpf.o`.
    var name: String {
        var name = file[...]
        for suffix in [".c", ".o", ".bpf"] where name.hasSuffix(suffix) && name != suffix {
            name = name.dropLast(suffix.count)
        }
        return String(name)
    }

    var source: (file: String, text: String)? {
        if case .source(let text) = content { (file, text) } else { nil }
    }
}
