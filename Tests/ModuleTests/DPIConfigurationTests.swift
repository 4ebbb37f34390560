// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import Testing
import TypedValue

@testable import DPIModule

/// Configurations that are refused, and what is said of them.
@Suite struct DPIConfigurationTests {
    @Test(
        arguments: [
            (
                ["action": "block", "application": "YouTub"], "/rules/0/application",
                "nDPI knows no application \"YouTub\": did you mean 'YouTube'?"
            ),
            (
                ["action": "block", "category": "meda"], "/rules/0/category",
                "nDPI knows no category \"meda\": did you mean 'Media'?"
            ),
            (
                ["action": "blok", "category": "Media"], "/rules/0/action",
                "there is no \"blok\": did you mean 'block'?"
            ),
            (["action": "block"], "/rules/0/application", "the rule names nothing: add application or category"),
            (
                ["action": "block", "application": "TLS", "category": "Media"], "/rules/0/category",
                "a rule is for an application or for a category: make two rules of it"
            ),
            (["application": "TLS"], "/rules/0", "there is no action: add it, one of accept, block, mark"),
            (
                ["action": "mark", "application": "TLS"], "/rules/0/dscp",
                "there is no dscp to mark with: add it, 0 to 63"
            ),
            (
                ["action": "mark", "application": "TLS", "dscp": 64], "/rules/0/dscp",
                "64 is out of range: it can be 0 to 63"
            ),
            (
                ["action": "block", "application": "TLS", "dscp": 8], "/rules/0/dscp",
                "only marked packets get a DSCP: set action to mark, or leave dscp out"
            ),
        ] as [(TypedValue, String, String)])
    func aWrongRuleIsRefused(rule: TypedValue, pointer: String, message: String) throws {
        let error = try #require(throws: ConfigError.self) { try DPIRig.setup(["rules": [rule]]) }
        #expect(error.pointer == pointer)
        #expect(error.message == message)
    }

    @Test(
        arguments: [
            (["flows": 15], "/flows", "15 is out of range: it can be 16 to 262144"),
            (["packets": 33], "/packets", "33 is out of range: it can be 1 to 32"),
            (["default": ["action": "mark"]], "/default/dscp", "there is no dscp to mark with: add it, 0 to 63"),
            (["timout": 9], "/timout", "there is no key timout here: did you mean 'timeout'?"),
        ] as [(TypedValue, String, String)])
    func aWrongKeyIsRefused(config: TypedValue, pointer: String, message: String) throws {
        let error = try #require(throws: ConfigError.self) { try DPIRig.setup(config) }
        #expect(error.pointer == pointer)
        #expect(error.message == message)
    }

    @Test func thereIsRoomFor255Rules() throws {
        let rule: TypedValue = ["application": "TLS", "action": "block"]
        _ = try DPIRig.setup(["rules": .array(Array(repeating: rule, count: 255))])
        let error = try #require(throws: ConfigError.self) {
            try DPIRig.setup(["rules": .array(Array(repeating: rule, count: 256))])
        }
        #expect(error.pointer == "/rules")
    }

    @Test func namesAreTakenInAnyCase() throws {
        #expect(
            try DPIRig.setup(["rules": [["application": "youtube", "action": "block"]]])
                == DPIRig.setup(["rules": [["application": "YouTube", "action": "block"]]]))
    }

    @Test func itsKeysAreDescribed() {
        let keys = DPIType().configDescription.keys.map(\.name)
        #expect(keys == ["flows", "packets", "tcp_timeout", "timeout", "default", "rules"])
    }
}
