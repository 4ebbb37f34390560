// SPDX-License-Identifier: Apache-2.0
import BPF
import Foundation
import Testing

private let hasTcx = Feature.tcx.probe() == .supported

/// Runs `tc`, which shows what others see of a hook.
private func tc(_ arguments: String) throws -> String {
    try run("/usr/sbin/tc", arguments.split(separator: " ").map(String.init))
}

@Suite struct LinkTests {
    @Test(.enabled(if: hasTcx, "needs tcx (Linux 6.6)"), arguments: TcxDirection.allCases)
    func `a tcx link attaches until it is detached`(direction: TcxDirection) throws {
        let program = try loadClassifier(returning: -1)
        let other = try loadClassifier(returning: -1)
        try inPrivateNetwork {
            let interface = try createVeth("one", "two")
            let link = try BPFLink(tcx: direction, interfaceIndex: interface, program: program)
            let information = try link.information
            #expect(information.direction == direction && information.interfaceIndex == interface)
            #expect(try information.programID == program.information.id)
            try link.update(program: other)
            #expect(try link.information.programID == other.information.id)
            try link.detach()
            #expect(try link.information.interfaceIndex == 0)
        }
    }

    @Test(.enabled(if: hasTcx, "needs tcx (Linux 6.6)"))
    func `a pinned link stays, and goes with its interface`() throws {
        let program = try loadClassifier(returning: -1)
        try withPrivateBPFFileSystem { folder in
            try inPrivateNetwork {
                let interface = try createVeth("one", "two")
                try BPFLink(tcx: .ingress, interfaceIndex: interface, program: program).pin(at: folder + "/link")
                #expect(try BPFLink(pinned: folder + "/link").information.interfaceIndex == interface)
                try run("/usr/sbin/ip", ["link", "delete", "one"])
                #expect(try BPFLink(pinned: folder + "/link").information.interfaceIndex == 0)
            }
        }
    }

    @Test(.enabled(if: hasTcx, "needs tcx (Linux 6.6)"))
    func `links come after each other on a hook`() throws {
        let drop = try loadClassifier(returning: 2)
        let next = try loadClassifier(returning: -1)
        try inPrivateNetwork {
            let interface = try createVeth("one", "two")
            let first = try BPFLink(tcx: .ingress, interfaceIndex: interface, program: next)
            let second = try BPFLink(tcx: .ingress, interfaceIndex: interface, program: drop)
            #expect(try first.information.interfaceIndex == interface)
            #expect(try second.information.interfaceIndex == interface)
            #expect(try first.information.id != second.information.id)
        }
    }

    @Test(.enabled(if: hasTcx, "needs tcx (Linux 6.6)"))
    func `an interface that there is not is an error`() throws {
        let program = try loadClassifier(returning: -1)
        let error = #expect(throws: KernelError.self) {
            try BPFLink(tcx: .ingress, interfaceIndex: 0, program: program)
        }
        #expect(error?.errno == ENODEV)
        #expect(error?.description.contains("interface 0") == true)
    }
}

@Suite struct ClsactTests {
    @Test(arguments: TcxDirection.allCases)
    func `a filter attaches, is replaced in place and detaches with the qdisc`(direction: TcxDirection) throws {
        let program = try loadClassifier(returning: -1)
        let other = try loadClassifier(returning: -1)
        try inPrivateNetwork {
            let filter = ClsactFilter(direction: direction, interfaceIndex: try createVeth("one", "two"))
            try filter.detach()
            #expect(filter.programID == nil)
            try filter.attach(program)
            #expect(try filter.programID == program.information.id)
            let shown = try tc("filter show dev one \(direction)")
            #expect(shown.contains("direct-action"))
            #expect(try shown.contains("id \(program.information.id) "))
            try filter.attach(other)
            #expect(try filter.programID == other.information.id)
            let replaced = try tc("filter show dev one \(direction)")
            #expect(try replaced.contains("id \(other.information.id) "))
            #expect(try !replaced.contains("id \(program.information.id) "))
            try filter.detach()
            #expect(try !tc("qdisc show dev one").contains("clsact"))
            try filter.detach()
        }
    }

    @Test func `other people's filters and the other direction stay`() throws {
        let program = try loadClassifier(returning: -1)
        try inPrivateNetwork {
            let interface = try createVeth("one", "two")
            let ingress = ClsactFilter(direction: .ingress, interfaceIndex: interface)
            let egress = ClsactFilter(direction: .egress, interfaceIndex: interface)
            try ingress.attach(program)
            try egress.attach(program)
            try ingress.detach()
            #expect(try tc("filter show dev one egress").contains("direct-action"))
            // A classic BPF program of one instruction, `ret #-1`.
            try run(
                "/usr/sbin/tc",
                ["filter", "add", "dev", "one", "ingress", "prio", "5", "bpf", "bytecode", "1,6 0 0 4294967295"])
            try egress.detach()
            #expect(try tc("filter show dev one ingress").contains("bytecode"))
            try ingress.attach(program)
            try ingress.detach()
            #expect(try tc("filter show dev one ingress").contains("bytecode"))
            _ = try tc("filter delete dev one ingress prio 5")
            try ingress.attach(program)
            try ingress.detach()
            #expect(try !tc("qdisc show dev one").contains("clsact"))
        }
    }

    @Test func `an interface that is gone has nothing to detach`() throws {
        let program = try loadClassifier(returning: -1)
        try inPrivateNetwork {
            let interface = try createVeth("one", "two")
            let filter = ClsactFilter(direction: .ingress, interfaceIndex: interface)
            try filter.attach(program)
            try run("/usr/sbin/ip", ["link", "delete", "one"])
            try filter.detach()
            let error = #expect(throws: KernelError.self) { try filter.attach(program) }
            #expect(error?.errno == ENODEV)
        }
    }
}
