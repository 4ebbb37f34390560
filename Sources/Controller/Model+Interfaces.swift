// SPDX-License-Identifier: Apache-2.0

import Dataplane

extension Model {
    /// Takes in that an interface is there, new or changed: it may be renamed, be in another bridge, or have a peer
    /// elsewhere. Chains that wait for it, or that this changes, are planned.
    mutating func planPresence(of record: InterfaceRecord, in plan: inout Plan) throws(HoverError) {
        let old = interfaces[record.index]
        guard old != record else { return }
        set(.interface(record.index, record), in: &plan)
        if let old, old.interface.name != record.interface.name {
            try planRename(from: old.interface.name, to: record.interface.name, in: &plan)
            planPlacements(from: old.interface.name, to: record.interface.name, in: &plan)
        }
        planPeer(of: record, in: &plan)
        try planChainsAround(record, in: &plan)
        // Another address: links that name the old one wait for it now.
        for name in old?.names ?? [] where !record.names.contains(name) {
            for id in links(of: "i:" + name) {
                if let link = links[id] {
                    try planChains(of: link, in: &plan)
                }
            }
        }
    }

    /// Takes in that an interface is gone. Its links stay, pending, for an interface of the same name.
    mutating func planAbsence(of index: Int, in plan: inout Plan) throws(HoverError) {
        guard let old = interfaces[index] else { return }
        if attachments[index] != nil {
            set(.attachment(index, nil), in: &plan)
        }
        set(.interface(index, nil), in: &plan)
        try planChainsAround(old, in: &plan)
    }

    /// A linked interface that is renamed stays linked, under its new name.
    private mutating func planRename(from old: String, to new: String, in plan: inout Plan) throws(HoverError) {
        guard let id = link(at: .interface(old)), var link = links[id], self.link(at: .interface(new)) == nil else {
            return
        }
        let renamed = { (end: Endpoint) in end == .interface(old) ? Endpoint.interface(new) : end }
        link.from = renamed(link.from)
        link.to = renamed(link.to)
        set(.link(id, link), in: &plan)
    }

    /// A veth whose peer moved between network namespaces, or has another address, needs another way out.
    private mutating func planPeer(of record: InterfaceRecord, in plan: inout Plan) {
        guard var attachment = attachments[record.index], attachment.peer != record.peerAddress else { return }
        attachment.peer = record.peerAddress
        set(.attachment(record.index, attachment), in: &plan)
    }

    private mutating func planChainsAround(_ record: InterfaceRecord, in plan: inout Plan) throws(HoverError) {
        // By all its names, for of one that is gone the model does not know them any more.
        for id in record.names.reduce(into: Set<String>(), { $0.formUnion(links(of: "i:" + $1)) }) {
            if let link = links[id] {
                try planChains(of: link, in: &plan)
            }
        }
        try planMember(record.index, in: &plan)
        for member in members(ofBridge: record.index).sorted() {
            try planMember(member, in: &plan)
        }
    }

    /// Why no packet crosses a link at present; nil when it is up.
    func pendingReason(of link: LinkRecord) -> String? {
        for case .interface(let name) in [link.from, link.to] where interface(named: name) == nil {
            return "interface \(name) is not there: the link waits for an interface of that name"
        }
        return nil
    }
}
