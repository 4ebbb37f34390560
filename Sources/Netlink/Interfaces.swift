// SPDX-License-Identifier: Apache-2.0

import CNetlink
import Glibc

/// The interfaces of the calling thread's network namespace, asked of the kernel now. Every call blocks for the answer.
public enum Interfaces {
    /// All interfaces.
    public static func list() throws(NetlinkError) -> [NetworkInterface] {
        try list(on: NetlinkSocket())
    }

    /// The interface of a name; nil when there is none.
    public static func named(_ name: String) throws(NetlinkError) -> NetworkInterface? {
        // Longer ones can only be alternative names, which are no names here.
        guard !name.isEmpty, name.utf8.count < IF_NAMESIZE else { return nil }
        let request = try LinkRequest(index: 0, name: name)
        guard let answer = try request.answer(describe: "interface \(name)", goneMeans: [ENODEV]) else { return nil }
        guard case .present(let interface) = LinkMessage(answer), interface.name == name else { return nil }
        return interface
    }

    /// The link-layer address of an interface in another network namespace; nil when interface or namespace is gone.
    ///
    /// - Parameters:
    ///   - index: of the interface in its namespace.
    ///   - id: the namespace's number in the calling thread's one (`NetworkInterface.peerNamespaceID`).
    public static func address(
        ofInterface index: UInt32, inNamespace id: Int32
    ) throws(NetlinkError) -> [UInt8]? {
        guard index != 0, let signedIndex = Int32(exactly: index) else { return nil }
        let request = try LinkRequest(index: signedIndex, name: nil)
        try request.put(IFLA_TARGET_NETNSID, UInt32(bitPattern: id))
        // EINVAL: no namespace has this number any more.
        let object = "interface \(index) of network namespace \(id)"
        guard let answer = try request.answer(describe: object, goneMeans: [ENODEV, EINVAL]) else { return nil }
        let attributes = netlinkAttributes(answer.body.dropFirst(MemoryLayout<ifinfomsg>.size))
        return attributes[Int(IFLA_ADDRESS)].map(Array.init)
    }

    /// Whether an interface is promiscuous because somebody has set that (`IFF_PROMISC`, netdevice(7)): what listens to
    /// packets at present does not count. Nil when it is gone.
    public static func isPromiscuous(index: UInt32) throws(NetlinkError) -> Bool? {
        let request = try LinkRequest(index: Int32(bitPattern: index), name: nil)
        let answer = try request.answer(describe: "interface \(index)", goneMeans: [ENODEV])
        return answer?.body.integer(at: 8, as: UInt32.self).map { $0 & UInt32(IFF_PROMISC) != 0 }
    }

    /// Has an interface receive frames for all stations, or only those for its own address. One that is gone is no error.
    public static func setPromiscuous(_ isOn: Bool, index: UInt32) throws(NetlinkError) {
        let flag = UInt32(IFF_PROMISC)
        let request = try LinkRequest.setting(isOn ? flag : 0, mask: flag, ofInterface: Int32(bitPattern: index))
        _ = try request.answer("set promiscuous mode of", describe: "interface \(index)", goneMeans: [ENODEV])
    }

    static func list(on socket: NetlinkSocket) throws(NetlinkError) -> [NetworkInterface] {
        for _ in 0..<100 {
            if let interfaces = try uninterruptedList(on: socket) { return interfaces }
        }
        throw NetlinkError("list", "interfaces", libraryCode: NLE_DUMP_INTR)
    }

    /// Nil when interfaces changed meanwhile, so that some could be missing.
    private static func uninterruptedList(on socket: NetlinkSocket) throws(NetlinkError) -> [NetworkInterface]? {
        let sequence = try socket.send(LinkRequest.list())
        var interfaces: [NetworkInterface] = []
        var isInterrupted = false
        while true {
            for message in try socket.answers(to: sequence) {
                isInterrupted = isInterrupted || Int32(message.flags) & NLM_F_DUMP_INTR != 0
                if let number = message.errorNumber { throw NetlinkError("list", "interfaces", errno: number) }
                if Int32(message.type) == NLMSG_DONE { return isInterrupted ? nil : interfaces }
                if case .present(let interface) = LinkMessage(message) { interfaces.append(interface) }
            }
        }
    }
}

extension LinkRequest {
    /// Sends the request for one interface and waits for what the kernel says of it; nil when that is one of the errors
    /// `goneMeans`.
    fileprivate func answer(
        _ operation: String = "read", describe object: String, goneMeans: Set<Int32>
    ) throws(NetlinkError) -> NetlinkMessage? {
        let socket = try NetlinkSocket()
        let sequence = try socket.send(self)
        while true {
            for answer in try socket.answers(to: sequence) {
                guard let number = answer.errorNumber else { return answer }
                guard goneMeans.contains(number) else { throw NetlinkError(operation, object, errno: number) }
                return nil
            }
        }
    }
}

extension NetlinkSocket {
    /// The next messages among the answers to a request.
    fileprivate func answers(to sequence: UInt32) throws(NetlinkError) -> [NetlinkMessage] {
        switch try receive() {
        case .messages(let messages): messages.filter { $0.sequence == sequence }
        case .nothing: []
        case .overrun: throw NetlinkError("receive from", "rtnetlink", libraryCode: -NLE_NOMEM)
        }
    }
}

extension NetlinkMessage {
    /// The error that an error message, or the end of a list, tells (errno(3)); nil when it tells none.
    fileprivate var errorNumber: Int32? {
        guard Int32(type) == NLMSG_ERROR || Int32(type) == NLMSG_DONE, let number = body.integer(at: 0, as: Int32.self),
            number < 0
        else { return nil }
        return -number
    }
}
