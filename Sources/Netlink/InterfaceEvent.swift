// SPDX-License-Identifier: Apache-2.0

/// Something that has happened to an interface of a network namespace. The interface is as it is after that; of what
/// vanished, as it was last known.
public enum InterfaceEvent: Sendable, Hashable {
    /// It is new here: made, or come from another namespace.
    case appeared(NetworkInterface)
    case renamed(NetworkInterface, was: String)
    case wentUp(NetworkInterface)
    case wentDown(NetworkInterface)
    /// It joined, left or changed the bridge, bond, … that it is a port of; `was` is that one's index.
    case masterChanged(NetworkInterface, was: UInt32?)
    /// Anything else of it changed: MTU, address, peer.
    case changed(NetworkInterface)
    /// It was deleted, or moved to the network namespace that has the number `movedTo` in this one.
    case vanished(NetworkInterface, movedTo: Int32?)
}

/// The interfaces of a network namespace as far as messages have told of them.
struct KnownInterfaces {
    private(set) var byIndex: [UInt32: NetworkInterface]

    init(_ interfaces: [NetworkInterface]) {
        byIndex = Dictionary(interfaces.map { ($0.index, $0) }) { _, last in last }
    }

    /// Takes in a message.
    ///
    /// - Returns: what it says that was not known.
    mutating func take(_ message: LinkMessage) -> [InterfaceEvent] {
        switch message {
        case .present(let interface):
            let old = byIndex.updateValue(interface, forKey: interface.index)
            return old.map { Self.differences(from: $0, to: interface) } ?? [.appeared(interface)]
        case .absent(let index, let namespace):
            return byIndex.removeValue(forKey: index).map { [.vanished($0, movedTo: namespace)] } ?? []
        }
    }

    /// Takes in the list of all interfaces, after messages got lost.
    ///
    /// - Returns: how it differs; what vanished comes first, because its name may be another's now.
    mutating func take(list: [NetworkInterface]) -> [InterfaceEvent] {
        let present = Set(list.map(\.index))
        let gone = byIndex.keys.filter { !present.contains($0) }.sorted()
        return gone.flatMap { take(.absent(index: $0, movedTo: nil)) } + list.flatMap { take(.present($0)) }
    }

    private static func differences(from old: NetworkInterface, to new: NetworkInterface) -> [InterfaceEvent] {
        var events: [InterfaceEvent] = []
        var told = old
        if told.name != new.name {
            events.append(.renamed(new, was: old.name))
            told.name = new.name
        }
        if told.masterIndex != new.masterIndex {
            events.append(.masterChanged(new, was: old.masterIndex))
            told.masterIndex = new.masterIndex
        }
        if told.isUp != new.isUp {
            events.append(new.isUp ? .wentUp(new) : .wentDown(new))
            told.isUp = new.isUp
        }
        if told != new {
            events.append(.changed(new))
        }
        return events
    }
}
