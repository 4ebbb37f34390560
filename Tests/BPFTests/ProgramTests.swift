// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Testing

@Suite struct ProgramTests {
    private static let source = """
        #include "fixture.h"
        SEC("tc") int rewrite(struct __sk_buff *skb)
        {
            __u8 byte = 0x5a;
            bpf_skb_store_bytes(skb, 14, &byte, 1, 0);
            skb->cb[0] = skb->mark + 1;
            return skb->len;
        }
        SEC("xdp") int grow(struct xdp_md *xdp)
        {
            bpf_xdp_adjust_head(xdp, -8);
            return XDP_PASS;
        }
        """

    private func program(_ name: String) throws -> BPFProgram {
        let object = try BPFObject(bytes: try compile(Self.source), name: "programs")
        try object.load()
        return try #require(object.programs.first { $0.name == name }).program
    }

    @Test func `a test run gives back verdict, packet and context`() throws {
        var context = [UInt8](repeating: 0, count: 192)
        // struct __sk_buff: mark is the third number, cb begins with the thirteenth.
        context.replaceSubrange(8..<12, with: [UInt8](UInt32(41)))
        let run = try program("rewrite").testRun(data: [UInt8](repeating: 0, count: 60), repeat: 3, context: context)
        #expect(run.returnValue == 60)
        #expect(run.data.count == 60 && run.data[14] == 0x5a && run.data[13] == 0)
        #expect(run.context.count == 192)
        #expect(Array(run.context[48..<52]) == [UInt8](UInt32(42)))
    }

    @Test func `a packet may grow in a test run`() throws {
        let run = try program("grow").testRun(data: [UInt8](repeating: 9, count: 64))
        #expect(run.returnValue == 2)
        #expect(run.data.count == 72)
        #expect(run.context.isEmpty)
    }

    @Test func `a packet that is too short is an error`() throws {
        let program = try program("rewrite")
        #expect(errorNumber { try program.testRun(data: [1, 2, 3]) } == EINVAL)
    }

    @Test func `a program that there is not is an error`() {
        #expect(errorNumber { try BPFProgram(id: .max) } == ENOENT)
    }
}

@Suite struct FeatureTests {
    /// Where the kernel is new enough, a feature is there.
    @Test(arguments: Feature.allCases)
    func `a probe agrees with the kernel's version`(feature: Feature) throws {
        let release = try String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8)
        let isNewEnough = release.compare(feature.since, options: .numeric) != .orderedAscending
        #expect(feature.probe() == (isNewEnough ? .supported : .unsupported(since: feature.since)))
    }

    @Test func `probing leaves nothing behind`() throws {
        let folder = "/proc/self/fd"
        for feature in Feature.allCases { _ = feature.probe() }
        let links = try FileManager.default.contentsOfDirectory(atPath: folder).compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + $0)
        }
        #expect(!links.contains { $0.contains("bpf_link") })
    }

    @Test func `an error number becomes words and a next step`() {
        let error = KernelError(operation: "create map", object: "table", errno: EPERM)
        #expect(error.description.hasPrefix("cannot create map 'table': operation not permitted; run as root"))
        #expect(KernelError(operation: "a", object: "b", errno: 524).reason == "operation not supported by this object")
        #expect(!KernelError(operation: "a", object: "b", errno: 4001).reason.isEmpty)
        #expect(!KernelError(operation: "a", object: "b", errno: .min).reason.isEmpty)
    }
}
