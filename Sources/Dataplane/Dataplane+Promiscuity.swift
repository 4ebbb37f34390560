// SPDX-License-Identifier: Apache-2.0

import BPF
import Netlink

// Network cards drop frames that are for no address of theirs. Behind an interface that is linked are stations of modules,
// and of other interfaces: like a bridge's port it has to receive what is for these.
extension Dataplane {
    /// Makes an interface promiscuous, and notes that it was not.
    public func makePromiscuous(interface index: Int) throws(DataplaneError) {
        try translating {
            guard try Interfaces.isPromiscuous(index: UInt32(index)) == false else { return }
            // First, so that one that is promiscuous for Hover is known to be, whenever hoverd ends.
            try BPFFileSystem.createFolder(layout.promiscuity(index))
            try Interfaces.setPromiscuous(true, index: UInt32(index))
        }
    }

    /// Ends that for an interface that was made so. One that is gone, or was promiscuous before, is no error.
    public func endPromiscuity(ofInterface index: Int) throws(DataplaneError) {
        guard wasMadePromiscuous(interface: index) else { return }
        try translating {
            try Interfaces.setPromiscuous(false, index: UInt32(index))
            try BPFFileSystem.removeFolder(layout.promiscuity(index))
        }
    }

    /// Whether an interface receives frames for all stations, whoever has set that.
    public func isPromiscuous(interface index: Int) throws(DataplaneError) -> Bool {
        try translating { try Interfaces.isPromiscuous(index: UInt32(index)) ?? false }
    }

    func wasMadePromiscuous(interface index: Int) -> Bool { BPFFileSystem.exists(layout.promiscuity(index)) }
}
