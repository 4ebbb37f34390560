// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Netlink

extension Controller {
    /// The interfaces of this network namespace, by index.
    public func interfaces() async throws(HoverError) -> [InterfaceState] {
        try await exclusively { () async throws(HoverError) in
            try await self.refreshInterfaces()
            return self.model.interfaces.values.sorted { $0.index < $1.index }.map { self.state(of: $0) }
        }
    }

    /// The Linux bridges' members.
    public func bridgeMembers() async -> [BridgeMember] {
        await exclusively {
            self.model.interfaces.values.sorted { $0.index < $1.index }.compactMap { record in
                self.model.bridge(of: record).map {
                    BridgeMember(bridge: $0.interface.name, interface: record.interface.name)
                }
            }
        }
    }

    private func state(of record: InterfaceRecord) -> InterfaceState {
        InterfaceState(
            name: record.interface.name, index: record.index, kind: record.interface.kind,
            isUp: record.interface.isUp, mtu: Int(record.interface.mtu), address: record.interface.address,
            bridge: model.bridge(of: record)?.interface.name,
            link: model.link(at: .interface(record.interface.name)))
    }

    /// Takes in what the kernel has now, without waiting for its events: who has just made an interface can use it.
    func refreshInterfaces() async throws(HoverError) {
        do {
            let present = try await dataplane.interfaces()
            let indices = Set(present.map(\.index))
            for record in model.interfaces.values where !indices.contains(record.interface.index) {
                await takeOut(record.index)
            }
            for interface in present {
                await takeIn(interface)
            }
        } catch {
            throw HoverError(.kernel, "\(error)")
        }
    }

    /// The interface of a name with all that a link to it needs, asked for now.
    func refreshInterface(named name: String) async throws(HoverError) {
        do throws(NetlinkError) {
            if let interface = try await dataplane.interface(named: name) {
                await takeIn(interface, forLink: true)
            }
        } catch {
            throw HoverError(.kernel, "\(error)")
        }
    }

    func takeIn(_ event: InterfaceEvent) async {
        switch event {
        case .appeared(let interface), .renamed(let interface, _), .wentUp(let interface), .wentDown(let interface),
            .masterChanged(let interface, _), .changed(let interface):
            await takeIn(interface)
        case .vanished(let interface, _):
            await takeOut(Int(interface.index))
        }
    }

    func takeIn(_ interface: NetworkInterface, forLink: Bool = false) async {
        let index = Int(interface.index)
        guard await !dataplane.isOwn(interface) else { return }
        guard forLink || model.interfaces[index]?.interface != interface else { return }
        var record = InterfaceRecord(interface: interface, device: await dataplane.device(of: interface))
        let isConcerned = record.names.contains { model.isConcerned(interface: $0) }
        if forLink || isConcerned || model.attachments[index] != nil {
            do {
                record.peerAddress = try await dataplane.peerAddress(of: interface)
            } catch {
                // Packets then take the longer way, which is right for every address.
                logger.info("peer of \(interface.name): \(error)")
            }
        }
        await changeInterface(index) { (model: inout Model, plan: inout Plan) throws(HoverError) in
            try model.planPresence(of: record, in: &plan)
        }
    }

    private func takeOut(_ index: Int) async {
        await changeInterface(index) { (model: inout Model, plan: inout Plan) throws(HoverError) in
            try model.planAbsence(of: index, in: &plan)
        }
    }

    /// Nobody waits for the answer to a change that the kernel made: what fails is logged.
    private func changeInterface(
        _ index: Int, _ planning: (inout Model, inout Plan) throws(HoverError) -> Void
    ) async {
        do {
            let name = model.interfaces[index]?.interface.name ?? "\(index)"
            try await change(ChangeNote(author: "kernel", summary: "interface \(name) changed"), planning)
        } catch {
            logger.warning("interface \(index) changed, and its links could not follow: \(error)")
        }
    }
}
