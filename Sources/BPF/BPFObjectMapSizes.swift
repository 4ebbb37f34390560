// SPDX-License-Identifier: Apache-2.0
import CLibBPF

extension BPFObjectMap {
    /// Sets the size of the map's values in bytes, before the object is loaded. The map then has no BTF for them.
    public func setValueSize(_ size: Int) throws(BPFError) {
        guard let bytes = UInt32(exactly: size) else {
            throw .object(object.error("map '\(name)' cannot have values of \(size) bytes"))
        }
        try object.check(
            LibBPFMessages.capture { bpf_map__set_value_size(pointer, bytes) }, "set the value size of map '\(name)'")
    }
}
