// SPDX-License-Identifier: Apache-2.0

import ModuleKit
import TypedValue

/// How a configuration names a port.
enum PortReference: Hashable {
    case number(Int)
    /// Of the module or interface that is linked there.
    case name(String)
}

extension ConfigFormat where Value == PortReference {
    /// `3`, or `veth1`.
    static var port: ConfigFormat {
        .either(.integer(1...lastPort), .text) {
            switch $0 {
            case .first(let number): .number(number)
            case .second(let name): .name(name)
            }
        }
    }
}

extension ConfigFormat where Value == Int {
    /// A VLAN id (IEEE 802.1Q, table 9-2).
    static var vlan: ConfigFormat { .integer(1...4094) }
}

/// The numbers of the ports that a configuration names by what is linked there.
struct PortNumbers {
    private var numbers: [String: Int] = [:]
    private var mentioned: Set<Int> = []

    /// Names that come with a number have that one; others take the lowest that nothing else has, in their order.
    init(_ config: ConfigReader, ports: [PortConfig], others: [PortReference]) throws(ConfigError) {
        for (index, port) in ports.enumerated() {
            if let number = port.number {
                guard mentioned.insert(number).inserted else {
                    throw config.error(
                        "ports/\(index)/port", "port \(number) is in the list already: join the two entries")
                }
                if let name = port.name {
                    try add(name, number, config, index)
                }
            }
        }
        for case .number(let number) in others {
            mentioned.insert(number)
        }
        for (index, port) in ports.enumerated() where port.number == nil {
            guard let name = port.name else {
                throw config.error(
                    "ports/\(index)",
                    "it does not say which port: add port, its number, or name, the module or interface that is linked there"
                )
            }
            try add(name, nextFree(config), config, index)
        }
        for case .name(let name) in others where numbers[name] == nil {
            numbers[name] = try nextFree(config)
        }
    }

    private mutating func add(_ name: String, _ number: Int, _ config: ConfigReader, _ index: Int) throws(ConfigError) {
        guard numbers.updateValue(number, forKey: name) == nil else {
            throw config.error("ports/\(index)/name", "\(name) is in the list already: join the two entries")
        }
    }

    private mutating func nextFree(_ config: ConfigReader) throws(ConfigError) -> Int {
        guard let number = (1...lastPort).first(where: { !mentioned.contains($0) }) else {
            throw config.error("ports", "there are more ports than the \(lastPort) that a switch can have")
        }
        mentioned.insert(number)
        return number
    }

    /// Of a reference that was given to `init`.
    func number(of reference: PortReference) -> Int {
        switch reference {
        case .number(let number): number
        case .name(let name): numbers[name] ?? 0
        }
    }

    /// All ports that the configuration speaks of.
    var configured: [ConfiguredPort] {
        let names = Dictionary(numbers.map { ($0.value, $0.key) }) { first, _ in first }
        return mentioned.sorted().map { ConfiguredPort(number: $0, peer: names[$0]) }
    }
}
