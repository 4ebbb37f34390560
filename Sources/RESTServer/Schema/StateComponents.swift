// SPDX-License-Identifier: Apache-2.0

import Controller
import HoverAPI

extension Components {
    /// Of manifests, revisions, and what the kernel has.
    static let state = [
        Component(
            Manifest.self, "Modules and links that are to be there. Modules are known by their names.",
            .object([
                .required("modules", .array(of: .of(ModuleRequest.self)), "The modules; each name once."),
                .required(
                    "links", .array(of: .of(LinkRequest.self)),
                    "The links. An interface need not be there yet; `mac=…` and `path=…` name one by its address or device."
                ),
            ])),
        Component(
            ManifestResult.self, "What a transaction did, or would do.",
            .object([
                .required("revision", .count, "The present revision."),
                .required("changes", .array(of: .of(Change.self)), "In order; none when all was as it is to be."),
            ])),
        Component(
            Change.self, "One thing that a transaction changes.",
            .object([
                .required(
                    "action", .string(choices: ChangeState.Action.allCases.map(\.rawValue)), "What is done to it."),
                .required("kind", .string(choices: ChangeState.Kind.allCases.map(\.rawValue)), "What it is."),
                .required("name", .string, "A module's display name, or a link's ends."),
                .optional("id", .string, "Its id; left out for what a dry run would create."),
                .optional("detail", .string, "What about it, or why a new link is pending."),
            ])),
        Component(
            Revisions.self, "The last changes of modules and links.",
            .object([.required("revisions", .array(of: .of(HoverAPI.Revision.self)), "The newest first.")])),
        Component(
            HoverAPI.Revision.self, "A change of modules and links.",
            .object([
                .required("number", .count, "Goes up with each change."),
                .required("time", .string, "When it was made (RFC 3339)."),
                .required("author", .string, "Who made it, as the request's `Hover-Author` said."),
                .required("summary", .string, "What it changed, in one line."),
                .required("current", .boolean, "Whether it is the last one."),
            ])),
        Component(
            DoctorReport.self, "Where store and kernel differ.",
            .object([.required("findings", .array(of: .of(HoverAPI.Finding.self)), "None when all is well.")])),
        Component(
            HoverAPI.Finding.self, "An object that is not as it should be.",
            .object([
                .required("object", .string, "What it is."),
                .required(
                    "state", .string(choices: ["missing", "different", "orphaned", "foreign"]),
                    "`missing`: the kernel should have it; `orphaned`: it has it, and nothing needs it."),
                .required("detail", .string, "What was found, or why it could not be mended."),
                .required("mended", .boolean, "Whether it is in order again."),
            ])),
    ]
}
