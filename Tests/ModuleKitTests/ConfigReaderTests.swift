// SPDX-License-Identifier: Apache-2.0

import Dataplane
import ModuleKit
import Testing
import TypedValue

/// What the tests configure.
private struct Fruit: Equatable {
    enum Colour: String, CaseIterable {
        case red, green
    }

    var name: String
    var colour: Colour
    var grams: Int

    init(_ config: ConfigReader) throws(ConfigError) {
        name = try config.required("name", .text, "what people call it")
        colour = try config.value("colour", .choice, default: Colour.red, "when ripe")
        grams = try config.value("grams", .integer(1...500), default: 100, "its weight in grams")
    }
}

private func read(_ json: String) throws -> [Fruit] {
    let reader = try ConfigReader(TypedValue(json: json))
    let fruits = try reader.value("fruits", .list(of: .object(Fruit.init)), default: [], "what there is")
    try reader.finish()
    return fruits
}

private func error(_ json: String) throws -> ConfigError? {
    do {
        _ = try read(json)
        return nil
    } catch let error as ConfigError {
        return error
    }
}

@Suite struct ConfigReaderTests {
    @Test func readsWhatIsThereAndFillsInTheRest() throws {
        let fruits = try read(#"{"fruits": [{"name": "apple", "colour": "green"}, {"name": "cherry", "grams": 8}]}"#)
        #expect(fruits.map(\.name) == ["apple", "cherry"])
        #expect(fruits.map(\.colour) == [.green, .red])
        #expect(fruits.map(\.grams) == [100, 8])
        #expect(try read("{}").isEmpty)
        #expect(try read(#"{"fruits": null}"#).isEmpty)
    }

    @Test(arguments: [
        (#"{"fruit": []}"#, "/fruit", "there is no key fruit here: did you mean 'fruits'?"),
        (#"{"fruits": {}}"#, "/fruits", "expected a list; there is an object"),
        (#"{"fruits": [{}]}"#, "/fruits/0", "there is no name: add it, a text"),
        (#"{"fruits": [{"name": ""}]}"#, "/fruits/0/name", #""" is not a text"#),
        (#"{"fruits": [{"name": "a", "grams": 0}]}"#, "/fruits/0/grams", "0 is out of range: it can be 1 to 500"),
        (
            #"{"fruits": [{"name": "a", "grams": "8"}]}"#, "/fruits/0/grams",
            #"expected an integer, 1 to 500; there is "8""#
        ),
        (
            #"{"fruits": [{"name": "a", "colour": "rad"}]}"#, "/fruits/0/colour",
            #"there is no "rad": did you mean 'red'?"#
        ),
        (
            #"{"fruits": [{"name": "a", "color": "red"}]}"#, "/fruits/0/color",
            "there is no key color here: did you mean 'colour'?"
        ),
    ])
    func refusesWhatIsWrong(_ json: String, _ pointer: String, _ message: String) throws {
        #expect(try error(json) == ConfigError(pointer: pointer, message))
    }

    @Test func describesWhatItReads() throws {
        let description = FruitType().configDescription
        #expect(description.keys.map(\.name) == ["fruits"])
        #expect(description.keys.first?.members?.keys.map(\.name) == ["name", "colour", "grams"])
        #expect(description.keys.first?.members?.keys.map(\.isRequired) == [true, false, false])
        #expect(description.keys.first?.members?.keys.map(\.initial) == [nil, "red", 100])
        #expect(
            description.keys.first?.schema == [
                "type": "array",
                "items": [
                    "type": "object", "additionalProperties": false, "required": ["name"],
                    "properties": [
                        "name": ["type": "string", "minLength": 1, "description": "what people call it"],
                        "colour": [
                            "type": "string", "enum": ["red", "green"], "default": "red", "description": "when ripe",
                        ],
                        "grams": [
                            "type": "integer", "minimum": 1, "maximum": 500, "default": 100,
                            "description": "its weight in grams",
                        ],
                    ],
                ],
            ])
    }
}

private struct FruitType: ModuleType {
    let name = "fruit"
    let summary = "for tests"
    var objects: ModuleObjects { ModuleObjects(tc: []) }

    func setup(_ config: ConfigReader) throws(ConfigError) -> ModuleSetup {
        _ = try config.value("fruits", .list(of: .object(Fruit.init)), default: [], "what there is")
        return ModuleSetup()
    }
}
