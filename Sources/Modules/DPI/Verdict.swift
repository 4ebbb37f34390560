// SPDX-License-Identifier: Apache-2.0

import CNDPI
import ModuleKit

/// What a flow is, in nDPI's numbers (`struct dpi_verdict`, `struct dpi_answer`).
struct Verdict: Hashable, Sendable {
    var application: UInt16 = 0
    /// What carries it; 0 where nothing does.
    var master: UInt16 = 0
    var category: UInt16 = 0
    var isKnown = false
    /// Whether no more packets of the flow are wanted.
    var isFinal = false
    var isGuessed = false
    /// Whether the slow path did not answer.
    var isUnanswered = false
    /// As the packets had it, in ASCII; up to 63 characters.
    var host = ""

    init() {}

    init(_ opinion: ndpi_opinion, isFinal: Bool) {
        application = opinion.application
        master = opinion.master
        category = opinion.category
        isKnown = isFinal || opinion.application != 0
        self.isFinal = isFinal
        isGuessed = opinion.is_guessed
        let bytes = withUnsafeBytes(of: opinion.host) { Array($0.prefix { $0 != 0 }) }
        host = Self.readable(bytes)
    }

    /// Reads a `struct dpi_verdict`.
    init(_ reader: inout StructureReader) {
        application = reader.u16()
        master = reader.u16()
        category = reader.u16()
        let state = reader.u16()
        isKnown = state & 1 != 0
        isFinal = state & 2 != 0
        isGuessed = state & 4 != 0
        isUnanswered = state & 8 != 0
    }

    /// Reads a `struct dpi_answer`.
    ///
    /// - Returns: the verdict, and the id of the flow that it is about.
    static func answer(_ bytes: [UInt8]) -> (verdict: Verdict, id: UInt32) {
        var reader = StructureReader(bytes)
        var verdict = Verdict(&reader)
        let id = reader.u32()
        reader.skip(4)
        verdict.host = readable(reader.bytes(64).prefix { $0 != 0 })
        return (verdict, id)
    }

    /// A `struct dpi_answer`.
    func answer(id: UInt32) -> [UInt8] {
        let state = (isKnown ? 1 : 0) | (isFinal ? 2 : 0) | (isGuessed ? 4 : 0)
        let name = Array(host.utf8.prefix(63))
        return StructureBytes().u16(application).u16(master).u16(category).u16(state).u32(id).u32(0)
            .bytes(name + [UInt8](repeating: 0, count: 64 - name.count)).bytes
    }

    /// Some host sent it: what is no visible ASCII is shown as a question mark.
    private static func readable(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.map { (0x21...0x7e).contains($0) ? $0 : 0x3f }, as: UTF8.self)
    }
}
