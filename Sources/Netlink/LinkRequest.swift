// SPDX-License-Identifier: Apache-2.0

import CNetlink

/// `RTM_GETLINK`, or a change of flags by `RTM_NEWLINK`.
final class LinkRequest {
    let message: OpaquePointer

    private init(message: OpaquePointer) {
        self.message = message
    }

    deinit {
        nlmsg_free(message)
    }

    /// For one interface, by its index or else its name.
    convenience init(index: Int32, name: String?) throws(NetlinkError) {
        var message: OpaquePointer?
        let result = rtnl_link_build_get_request(index, name, &message)
        guard result == 0, let message else { throw Self.failure(result) }
        self.init(message: message)
    }

    /// For all of them, without their counters.
    static func list() throws(NetlinkError) -> LinkRequest {
        guard let message = nlmsg_alloc_simple(Int32(RTM_GETLINK), NLM_F_DUMP) else { throw failure(-NLE_NOMEM) }
        let request = LinkRequest(message: message)
        var header = ifinfomsg()
        let result = nlmsg_append(message, &header, MemoryLayout<ifinfomsg>.size, Int32(NLMSG_ALIGNTO))
        guard result == 0 else { throw failure(result) }
        try request.put(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
        return request
    }

    /// Sets the flags of an interface that are in `mask` (`IFF_UP`, …), and no others.
    static func setting(_ flags: UInt32, mask: UInt32, ofInterface index: Int32) throws(NetlinkError) -> LinkRequest {
        guard let message = nlmsg_alloc_simple(Int32(RTM_NEWLINK), NLM_F_ACK) else { throw failure(-NLE_NOMEM) }
        let request = LinkRequest(message: message)
        var header = ifinfomsg()
        (header.ifi_index, header.ifi_flags, header.ifi_change) = (index, flags, mask)
        let result = nlmsg_append(message, &header, MemoryLayout<ifinfomsg>.size, Int32(NLMSG_ALIGNTO))
        guard result == 0 else { throw failure(result) }
        return request
    }

    func put(_ attribute: some BinaryInteger, _ value: UInt32) throws(NetlinkError) {
        let result = nla_put_u32(message, Int32(attribute), value)
        guard result == 0 else { throw Self.failure(result) }
    }

    private static func failure(_ code: Int32) -> NetlinkError {
        NetlinkError("build", "a request for interfaces", libraryCode: code)
    }
}
