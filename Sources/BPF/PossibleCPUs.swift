// SPDX-License-Identifier: Apache-2.0
import CLibBPF

/// How many CPUs the kernel can ever have (`/sys/devices/system/cpu/possible`): the number of values in a per-CPU
/// entry. It does not change while the machine runs.
public func possibleCPUCount() throws(KernelError) -> Int {
    let (count, messages) = LibBPFMessages.capture { libbpf_num_possible_cpus() }
    guard count > 0 else {
        throw KernelError(
            operation: "count", object: "possible CPUs", errno: -count,
            reason: messages.last)
    }
    return Int(count)
}
