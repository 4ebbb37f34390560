// SPDX-License-Identifier: Apache-2.0
import CLibBPF

/// BPF_OBJ_GET_INFO_BY_FD: fills one of the kernel's information structures. A kernel that is older than the headers
/// leaves the rest zero, one that is newer leaves its own rest out.
func readInformation<Information>(
    of descriptor: BPFDescriptor, into information: inout Information, object: String
) throws(KernelError) {
    var size = UInt32(MemoryLayout<Information>.size)
    let result = withUnsafeMutablePointer(to: &information) {
        bpf_obj_get_info_by_fd(descriptor.number, $0, &size)
    }
    try check(result, "read information of", object)
}

/// The text in one of the kernel's fixed-size arrays of characters, which need not be terminated.
func text<Characters>(of characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

/// BPF_OBJ_PIN.
func pin(_ descriptor: BPFDescriptor, at path: String) throws(KernelError) {
    FaultPoint.pass()
    try check(bpf_obj_pin(descriptor.number, path), "pin", path)
}

/// BPF_OBJ_GET, of any kind of object.
func openPin(_ path: String) throws(KernelError) -> BPFDescriptor {
    BPFDescriptor(adopting: try check(bpf_obj_get(path), "open the pin", path))
}
