// SPDX-License-Identifier: Apache-2.0

extension ModuleRequest {
    /// The most that a C source or an eBPF object may weigh, in bytes: 1 MiB.
    public static let codeLimit = 1 << 20
}
