// SPDX-License-Identifier: Apache-2.0

import Foundation
import HoverAPI
import Testing

@testable import hoverctl

/// What is wrong in a manifest, and where.
@Suite struct ManifestErrorTests {
    private func errors(_ texts: String...) -> [String] {
        let files = texts.enumerated().map { index, text in
            ManifestFile(
                name: texts.count == 1 ? "hover.yaml" : "\(index + 1).yaml", folder: "/nowhere/",
                bytes: Array(text.utf8))
        }
        do {
            _ = try LoadedManifest.load(files)
            return []
        } catch {
            return error.errors.map { "\($0.place): \($0.message)" }
        }
    }

    @Test(arguments: [
        // Keys.
        ("module: []", "1:1: unknown key 'module' in the manifest: did you mean 'modules'?"),
        (
            "modules: [{name: web, type: x, prots: 2}]",
            "1:32: unknown key 'prots' in module 'web': did you mean 'ports'?"
        ),
        (
            "modules: [{name: a, type: x, maxports: 2}]",
            "1:30: unknown key 'maxports' in module 'a': did you mean 'max_ports'?"
        ),
        (
            "modules: [{name: a, type: x, colour: red}]",
            "1:30: unknown key 'colour' in module 'a': there are name, type, code, source, file, config, ports, "
                + "max_ports, counters, tags, placements"
        ),
        ("links: [{from: a, to: b, 5: c}]", "1:26: unknown key '5' in a link: there are from, to, hook"),
        (
            "external_interfaces: [{module: a, interface: eth1}]",
            "1:23: an external interface has no iface: add iface: NAME",
        ),
        (
            "modules: [{name: a, type: x, placements: [{node: b, dir: in}]}]",
            "1:53: unknown key 'dir' in a placement: there are node, port, direction, at, before, after"
        ),
        // Types.
        ("- name: a", "1:1: the manifest is a list: expected a map with modules, links, external_interfaces, $schema"),
        ("modules: {name: a}", "1:10: modules is a map: expected a list"),
        (
            "modules: [web]",
            "1:11: a module is text: expected a map with name, type, code, source, file, config, ports, max_ports, counters, tags, placements"
        ),
        ("modules:\n  - name: 5\n    type: x", "2:11: name is the number 5: expected text, so put it in quotes"),
        ("modules: [{name: a, type: [x]}]", "1:27: type is a list: expected text"),
        ("modules: [{name: a, type: x, ports: two}]", "1:37: ports is text: expected a whole number"),
        ("modules: [{name: a, type: x, ports: 1.5}]", "1:37: ports is text: expected a whole number"),
        ("modules: [{name: a, type: x, counters: 1}]", "1:40: counters is the number 1: expected true or false"),
        ("modules: [{name: a, type: x, config: [1]}]", "1:38: config is a list: expected a map"),
        ("modules: [{name: a, type: x, tags: web}]", "1:36: tags is text: expected a list"),
        ("modules: [{name: a, type: x, tags: [1]}]", "1:37: a tag is the number 1: expected text, so put it in quotes"),
        ("links: [{from: true, to: b}]", "1:16: from is true: expected text, so put it in quotes"),
        // What is missing, empty or unknown.
        ("modules: [{type: x}]", "1:11: a module has no name: add name: …"),
        ("modules: [{name: , type: x}]", "1:11: a module has no name: add name: …"),
        ("modules: [{name: '', type: x}]", "1:18: name is empty: write it, or leave the key out"),
        ("modules: [{name: a}]", "1:11: module 'a' has no type: add type: …"),
        ("links: [{from: a}]", "1:9: a link has no to: add to: MODULE, MODULE:PORT or i:NAME"),
        (
            "modules: [{name: a, type: bpf/forward}]",
            "1:11: module 'a' of type bpf/forward has no code: add code: FILE, or source: with C in it"
        ),
        (
            "modules: [{name: a, type: bpf/forward, code: x.c, source: int}]",
            "1:59: module 'a' has code and source: keep one of them"
        ),
        (
            "modules: [{name: a, type: bpf/forward, code: x.c}]", "1:46: /nowhere/x.c: No such file or directory"
        ),
        ("links: [{from: a, to: b, hook: xpd}]", "1:32: there is no hook 'xpd': did you mean 'xdp'?"),
        ("links: [{from: 'a:0', to: b}]", "1:16: ports are numbered from 1"),
        ("links: [{from: i:eth1:2, to: b}]", "1:16: an interface has no ports: give i:eth1"),
        (
            "external_interfaces: [{module: 'a:1', iface: eth1, port: 2}]",
            "1:58: the port of a:1 is given already: leave one of them out"
        ),
        (
            "modules: [{name: a, type: x, placements: [b/up]}]",
            "1:43: a direction is /ingress or /egress; a module with / in its name is named by its id"
        ),
        (
            "modules: [{name: a, type: x, placements: [{port: 1}]}]",
            "1:43: a placement has no node: add node: MODULE, or node: i:NAME"
        ),
        (
            "modules: [{name: a, type: x, placements: [{node: b, at: frist}]}]",
            "1:57: there is no position 'frist': did you mean 'first'?"
        ),
        (
            "modules: [{name: a, type: x, placements: [{node: b, at: first, before: c}]}]",
            "1:72: a placement has one of at, before and after: keep one of them"
        ),
        (
            "modules:\n- {name: a, type: x}\n- {name: a, type: y}",
            "3:10: module 'a' is there already, at hover.yaml:2:10: give one of them another name"
        ),
        // YAML itself.
        ("modules: [", "2:1: bad YAML: did not find expected node content while parsing a flow node of line 2"),
        (
            "modules:\n\t- a",
            "2:1: bad YAML: found character that cannot start any token while scanning for the next token of line 2"
        ),
        ("modules: *nobody", "1:10: bad YAML: found undefined alias"),
        ("modules: []\nmodules: []", "1:1: key 'modules' is given twice: keep one"),
        ("modules: []\n\u{7}", "2:1: bad YAML: control characters are not allowed"),
        ("", "1:1: the manifest is empty: to have no modules, write modules: []"),
        ("# nothing\n---\n", "1:1: the manifest is empty: to have no modules, write modules: []"),
    ])
    func namesThePlace(text: String, message: String) {
        #expect(errors(text).contains("hover.yaml:" + message), "\(errors(text))")
    }

    @Test func tellsAllErrorsFromTopToBottom() {
        let found = errors(
            """
            modules:
              - type: x
                ports: many
              - name: b
                tpye: x
            links:
              - form: a
                to: 5
            nonsense: 1
            """)
        #expect(
            found.map { $0.split(separator: " ")[0] } == [
                "hover.yaml:2:5:", "hover.yaml:3:12:", "hover.yaml:4:5:", "hover.yaml:5:5:", "hover.yaml:7:5:",
                "hover.yaml:7:5:", "hover.yaml:8:9:", "hover.yaml:9:1:",
            ], "\(found)")
    }

    @Test func tellsTheErrorsOfAllFiles() {
        let found = errors(
            "modules: [{name: a, type: x}]", "modules: [", "modules: [{name: a, type: x}]\n---\nlinks: 5")
        #expect(
            found.dropFirst() == [
                "3.yaml:1:18: module 'a' is there already, at 1.yaml:1:18: give one of them another name",
                "3.yaml:3:8: links is the number 5: expected a list",
            ])
        #expect(found.first?.hasPrefix("2.yaml:2:1: bad YAML: ") == true)
    }

    @Test func refusesWhatIsNoText() {
        let file = ManifestFile(name: "x.yaml", folder: "", bytes: [0x61, 0xff])
        let error = #expect(throws: ManifestErrors.self) { try LoadedManifest.load([file]) }
        #expect(
            error?.errors.map { "\($0.place): \($0.message)" } == [
                "x.yaml:1:1: the file is not UTF-8 text: save it as such"
            ])
    }

    @Test func refusesALineThatStandsForTooMuch() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            text +=
                "a\(level): &a\(level) [" + [String](repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
                + "]\n"
        }
        #expect(errors(text).first?.hasPrefix("hover.yaml:1:1: the document has over 1000000 values") == true)
    }

    @Test func prints() {
        let errors = ManifestErrors(errors: [
            ManifestError(place: SourcePlace(file: "a\u{1b}.yaml", line: 1, column: 2), message: "x\ny"),
            ManifestError(place: SourcePlace(file: "b.yaml", line: 3, column: 4), message: "z"),
        ])
        #expect(
            errors.rendered(coloured: false) == """
                a\\u001b.yaml:1:2: x\\ny
                b.yaml:3:4: z
                error: the manifest has 2 errors: nothing was sent

                """)
    }

    @Test(arguments: [
        ("/modules/1/config/limit", "2:42"), ("/modules/1/config/limit/deeper/0", "2:42"),
        ("/modules/1/config/other", "2:34"), ("/modules/1/config/a~1b", "2:50"), ("/modules/1/source", "2:64"),
        ("/modules/1/object", "2:64"), ("/modules/0/ports", "1:11"), ("/modules/1", "2:3"), ("/links/0/from", "3:16"),
        ("/links/0/from/port", "3:16"), ("/links/0", "3:9"), ("/links/1/to/node", "4:42"), ("/links/1/from", "4:32"),
        ("/links/1/from/port", "4:54"), ("/links/1/hook", "4:63"),
    ])
    func findsWhatTheServerMeans(pointer: String, place: String) throws {
        let text = """
            modules: [{name: a, type: x},
              {name: b, type: bpf/x, config: {limit: 5, a/b: [1]}, source: x},]
            links: [{from: "a:1", to: b}]
            external_interfaces: [{module: b, iface: eth1, port: 2, hook: tc}]
            """
        let file = ManifestFile(name: "x", folder: "", bytes: Array(text.utf8))
        #expect(try LoadedManifest.load([file]).place(of: pointer)?.description == "x:\(place)")
    }

    @Test(arguments: ["", "/", "/modules", "/modules/9", "/nonsense/0", "x"])
    func findsNothingWhereNothingIs(pointer: String) throws {
        let file = ManifestFile(name: "x", folder: "", bytes: Array("modules: [{name: a, type: x}]".utf8))
        #expect(try LoadedManifest.load([file]).place(of: pointer) == nil)
    }
}
