// SPDX-License-Identifier: Apache-2.0

import CNetlink

/// `RTM_GETLINK`.
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

    func put(_ attribute: some BinaryInteger, _ value: UInt32) throws(NetlinkError) {
        let result = nla_put_u32(message, Int32(attribute), value)
        guard result == 0 else { throw Self.failure(result) }
    }

    private static func failure(_ code: Int32) -> NetlinkError {
        NetlinkError("build", "a request for interfaces", libraryCode: code)
    }
}
