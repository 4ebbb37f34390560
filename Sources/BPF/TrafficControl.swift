// SPDX-License-Identifier: Apache-2.0
import CLibBPF
import Glibc

/// What libbpf does not ask rtnetlink(7): how many filters there are.
enum TrafficControl {
    /// The two sides of a clsact qdisc (`TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)`, `…_EGRESS`).
    private static let parents: [UInt32] = [0xffff_fff2, 0xffff_fff3]

    /// Filters at both sides of an interface's clsact qdisc, anybody's; 0 when there is no such qdisc or interface.
    static func filterCount(interfaceIndex: UInt32) throws(KernelError) -> Int {
        let object = "filters of interface \(interfaceIndex)"
        let number = socket(AF_NETLINK, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), NETLINK_ROUTE)
        let descriptor = BPFDescriptor(adopting: try check(number, "list", object))
        var count = 0
        for parent in parents {
            try send(dumpRequest(interfaceIndex: interfaceIndex, parent: parent), to: descriptor, object: object)
            count += try readDump(from: descriptor, object: object)
        }
        return count
    }

    /// `struct nlmsghdr` and `struct tcmsg`.
    private static func dumpRequest(interfaceIndex: UInt32, parent: UInt32) -> [UInt8] {
        let size = UInt32(MemoryLayout<nlmsghdr>.size + MemoryLayout<tcmsg>.size)
        let flags = UInt32(NLM_F_REQUEST | NLM_F_DUMP)
        let words = [size, UInt32(RTM_GETTFILTER) | flags << 16, 1, 0, 0, interfaceIndex, 0, parent, 0]
        return words.flatMap { [UInt8](littleEndian: $0) }
    }

    private static func send(_ request: [UInt8], to descriptor: BPFDescriptor, object: String) throws(KernelError) {
        let sent = Glibc.send(descriptor.number, request, request.count, 0)
        try check(Int32(clamping: sent), "list", object)
    }

    /// The number of RTM_NEWTFILTER messages up to NLMSG_DONE that describe a filter and not its priority's head.
    private static func readDump(from descriptor: BPFDescriptor, object: String) throws(KernelError) -> Int {
        var count = 0
        while true {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let size = recv(descriptor.number, &bytes, bytes.count, 0)
            if size < 0, errno == EINTR { continue }
            try check(Int32(clamping: size), "list", object)
            bytes.removeLast(bytes.count - size)
            var offset = 0
            while let length: UInt32 = bytes.number(at: offset), let type: UInt16 = bytes.number(at: offset + 4),
                length >= UInt32(MemoryLayout<nlmsghdr>.size)
            {
                switch Int32(type) {
                case NLMSG_DONE:
                    return count
                case NLMSG_ERROR:
                    let number: Int32 = bytes.number(at: offset + 16) ?? 0
                    guard [-ENODEV, -EINVAL, -ENOENT].contains(number) else {
                        throw KernelError(operation: "list", object: object, errno: -number)
                    }
                    return 0
                default:
                    let handle: UInt32 = bytes.number(at: offset + 24) ?? 0
                    count += Int32(type) == RTM_NEWTFILTER && handle != 0 ? 1 : 0
                }
                offset += (Int(length) + 3) / 4 * 4
            }
            guard size > 0 else { return count }
        }
    }
}
