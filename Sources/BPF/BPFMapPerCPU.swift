// SPDX-License-Identifier: Apache-2.0

// The kernel's form of a per-CPU entry: one value per possible CPU, each rounded up to 8 bytes.
extension BPFMap {
    private var alignedValueSize: Int { (information.valueSize + 7) / 8 * 8 }

    /// Bytes that the kernel copies for the value of one entry.
    var entryValueSize: Int {
        get throws(KernelError) {
            information.type.isPerCPU ? alignedValueSize * (try possibleCPUCount()) : information.valueSize
        }
    }

    func splitPerCPU(_ bytes: ArraySlice<UInt8>) -> [[UInt8]] {
        stride(from: bytes.startIndex, to: bytes.endIndex, by: alignedValueSize).map { start in
            Array(bytes[start..<start + information.valueSize])
        }
    }

    func joinPerCPU(_ values: [[UInt8]]) throws(KernelError) -> [UInt8] {
        let count = try possibleCPUCount()
        guard values.count == count, values.allSatisfy({ $0.count == information.valueSize }) else {
            throw refusal(
                "set an entry", "it takes \(count) values of \(information.valueSize) bytes, one per possible CPU")
        }
        let padding = [UInt8](repeating: 0, count: alignedValueSize - information.valueSize)
        return values.flatMap { $0 + padding }
    }
}
