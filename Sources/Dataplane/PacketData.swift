// SPDX-License-Identifier: Apache-2.0

/// `md->data`: four words that travel with a packet from module to module, each with a type in its lowest 8 bits and a
/// value above.
public struct PacketData: Sendable, Hashable {
    // No SIMD4, which is aligned to 32 bytes: memory of async functions is aligned to 16, and is written beyond its end.
    private var first: UInt64
    private var second: UInt64
    private var third: UInt64
    private var fourth: UInt64

    public init(_ first: UInt64 = 0, _ second: UInt64 = 0, _ third: UInt64 = 0, _ fourth: UInt64 = 0) {
        self.first = first
        self.second = second
        self.third = third
        self.fourth = fourth
    }

    /// The words in order.
    public var words: [UInt64] { [first, second, third, fourth] }
}
