// SPDX-License-Identifier: Apache-2.0
import CLibBPF

extension BPFObject {
    /// Refuses objects that libbpf could crash on: it trusts the references in BTF.
    static func check(_ bytes: [UInt8], name: String) throws(BPFError) {
        guard let file = ELFFile(bytes) else {
            throw .object(ObjectError(object: name, reason: "it is not a well-formed ELF object for eBPF"))
        }
        let sections = file.sections.filter { $0.name == ".BTF" }
        guard sections.count <= 1 else {
            throw .object(ObjectError(object: name, reason: "it has more than one section .BTF"))
        }
        guard let section = sections.first else { return }
        do {
            _ = try BTF(bytes: file.contents(of: section))
        } catch {
            throw .object(ObjectError(object: name, reason: "its BTF is malformed: \(error)"))
        }
    }

    func readTypes() throws(BPFError) -> BTF? {
        var size: UInt32 = 0
        guard let types = bpf_object__btf(pointer), let data = btf__raw_data(types, &size) else { return nil }
        do {
            return try BTF(bytes: Array(UnsafeRawBufferPointer(start: data, count: Int(size))))
        } catch {
            throw .object(self.error("its BTF is malformed: \(error)"))
        }
    }
}
