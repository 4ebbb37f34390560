// SPDX-License-Identifier: Apache-2.0

import TypedValue

/// The body of `PUT /v1/manifest`: modules and links that are to be there, as one transaction.
///
/// Modules are known by their names, and so are the modules at the links' ends.
public struct Manifest: Codable, Sendable, Hashable {
    public var modules: [ModuleRequest]
    public var links: [LinkRequest]

    public init(modules: [ModuleRequest] = [], links: [LinkRequest] = []) {
        self.modules = modules
        self.links = links
    }
}

/// What applying a manifest, or going back to a revision, did; or would do, when it was a dry run.
public struct ManifestResult: Codable, Sendable, Hashable {
    /// The current revision afterwards. A dry run, and a change of nothing, leave it as it was.
    public var revision: Int
    /// In the order in which they were done; empty when there was nothing to do.
    public var changes: [Change]

    public init(revision: Int, changes: [Change]) {
        self.revision = revision
        self.changes = changes
    }
}

/// One thing that a transaction changes.
public struct Change: Codable, Sendable, Hashable {
    /// `create`, `update`, `replace` (a module's code was replaced while it ran) or `delete`.
    public var action: String
    /// `module` or `link`.
    public var kind: String
    /// A module's display name, or a link's ends.
    public var name: String
    /// `m:…` or `l:…`; null for what a dry run would create.
    public var id: String?
    /// What about it changes (`code`, `config`, `ports`, `tags`, `placements`, `hook`, `now of a manifest`), or why a new link is pending.
    public var detail: String?

    public init(action: String, kind: String, name: String, id: String? = nil, detail: String? = nil) {
        self.action = action
        self.kind = kind
        self.name = name
        self.id = id
        self.detail = detail
    }
}

/// What `GET /v1/revisions` answers.
public struct Revisions: Codable, Sendable, Hashable {
    /// The newest first.
    public var revisions: [Revision]

    public init(revisions: [Revision]) {
        self.revisions = revisions
    }
}

/// A state of modules and links that was, and that can be again: each transaction makes one.
public struct Revision: Codable, Sendable, Hashable {
    /// Counted from 1.
    public var number: Int
    /// When it was made, as RFC 3339 writes it.
    public var time: String
    /// Who made it, as the request's `Hover-Author` said: `user@host`.
    public var author: String
    /// What it changed, in one line.
    public var summary: String
    /// Whether this is how things are to be now.
    public var current: Bool

    public init(number: Int, time: String, author: String, summary: String, current: Bool) {
        self.number = number
        self.time = time
        self.author = author
        self.summary = summary
        self.current = current
    }
}

/// The body of `PUT /v1/modules/{id}/code`; exactly one of `source` and `object` is given.
public struct CodeRequest: Codable, Sendable, Hashable {
    /// C source.
    public var source: String?
    /// A file name for the source, shown in diagnostics; `module.c` without.
    public var file: String?
    /// A ready eBPF object (ELF), base64.
    public var object: String?

    public init(source: String? = nil, file: String? = nil, object: String? = nil) {
        self.source = source
        self.file = file
        self.object = object
    }
}

/// What `/v1/doctor` found when it compared the store, the kernel and the pins.
public struct DoctorReport: Codable, Sendable, Hashable {
    /// Empty when all agree.
    public var findings: [Finding]

    public init(findings: [Finding]) {
        self.findings = findings
    }
}

/// An object that is not as it should be.
public struct Finding: Codable, Sendable, Hashable {
    /// What it is: an id, or a path below the bpffs.
    public var object: String
    /// `missing`: it should be there; `different`: it is not what it should be; `orphaned`: Hover's, but nothing needs
    /// it; `foreign`: somebody else's where Hover's would be.
    public var state: String
    /// What was found, and what it means.
    public var detail: String
    /// Whether it is in order again.
    public var mended: Bool

    public init(object: String, state: String, detail: String, mended: Bool) {
        self.object = object
        self.state = state
        self.detail = detail
        self.mended = mended
    }
}

extension Problem {
    /// The type of a change that was asked for on an older revision than the current one (`If-Match`); status 412.
    public static let stale = "urn:hover:problem:stale"
}
