// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

private let content = IPv4(segment: .udp())
private let inner = Tag(id: 100, priority: 2)
private let outer = Tag(type: 0x88a8, id: 4094, priority: 7, isDropEligible: true)
private let added = Tag(type: 0x88a8, id: 17, priority: 6)

private func tagged(_ tags: Tag...) -> [UInt8] { frame(content, tags: tags) }

private func with(_ tag: Tag, _ change: (inout Tag) -> Void) -> Tag {
    var tag = tag
    change(&tag)
    return tag
}

private let changes: [ChangeFixture] = [
    ChangeFixture("push on none", "vlan_push", Arguments(tag: added), tagged(), tagged(added)),
    ChangeFixture("push on one", "vlan_push", Arguments(tag: added), tagged(inner), tagged(added, inner)),
    ChangeFixture(
        "push on two", "vlan_push", Arguments(tag: added), tagged(outer, inner), tagged(added, outer, inner)),
    ChangeFixture(
        "push of another EtherType", "vlan_push", Arguments(tag: Tag(type: 0x0800, id: 1)), tagged(), tagged(),
        returned: -EINVAL),
    ChangeFixture(
        "push of the reserved id", "vlan_push", Arguments(tag: Tag(id: 4095)), tagged(), tagged(), returned: -EINVAL),
    ChangeFixture(
        "push of a priority that is none", "vlan_push", Arguments(tag: Tag(id: 1, priority: 8)), tagged(), tagged(),
        returned: -EINVAL),
    ChangeFixture("pop of one", "vlan_pop", Arguments(), tagged(inner), tagged()),
    ChangeFixture("pop of the outer one", "vlan_pop", Arguments(), tagged(outer, inner), tagged(inner)),
    ChangeFixture("pop of none", "vlan_pop", Arguments(), tagged(), tagged(), returned: -ENOENT),
    ChangeFixture("pop of both", "vlan_pop_both", Arguments(), tagged(outer, inner), tagged()),
    ChangeFixture(
        "pop of the first of three", "vlan_pop", Arguments(), tagged(added, outer, inner), tagged(outer, inner)),
    ChangeFixture(
        "another id", "vlan_set_id", Arguments(tag: Tag(id: 5)), tagged(outer, inner),
        tagged(with(outer) { $0.id = 5 }, inner)),
    ChangeFixture(
        "another id, one tag", "vlan_set_id", Arguments(tag: Tag(id: 4094)), tagged(inner),
        tagged(with(inner) { $0.id = 4094 })),
    ChangeFixture(
        "another id for none", "vlan_set_id", Arguments(tag: Tag(id: 5)), tagged(), tagged(), returned: -ENOENT),
    ChangeFixture(
        "the reserved id", "vlan_set_id", Arguments(tag: Tag(id: 4095)), tagged(inner), tagged(inner),
        returned: -EINVAL),
    ChangeFixture(
        "another priority", "vlan_set_priority", Arguments(tag: Tag(id: 0, priority: 1)), tagged(outer, inner),
        tagged(with(outer) { $0.priority = 1 }, inner)),
    ChangeFixture(
        "another priority for none", "vlan_set_priority", Arguments(tag: Tag(id: 0, priority: 1)), tagged(), tagged(),
        returned: -ENOENT),
]

@Suite struct VLANTests {
    @Test(arguments: changes, Hook.available)
    func `tags are changed alike everywhere`(fixture: ChangeFixture, hook: Hook) throws {
        try fixture.check(hook)
    }

    @Test(arguments: Hook.available)
    func `the outer tag is read`(hook: Hook) throws {
        let program = HelperProgram(name: "vlan_get", hook: hook)
        #expect(try program.run(tagged()).returned == -ENOENT)
        for frame in [tagged(outer), tagged(outer, inner)] {
            let outcome = try program.run(frame)
            #expect(outcome.returned == 0)
            #expect(outcome.tag == outer)
            #expect(outcome.frame == frame)
        }
    }

    @Test(arguments: Hook.available)
    func `the inner tag is read`(hook: Hook) throws {
        let program = HelperProgram(name: "vlan_get_inner", hook: hook)
        #expect(try program.run(tagged()).returned == -ENOENT)
        #expect(try program.run(tagged(outer)).returned == -ENOENT)
        let outcome = try program.run(tagged(outer, inner))
        #expect(outcome.returned == 0)
        #expect(outcome.tag == inner)
    }

    @Test(arguments: [Hook.tc, .tcTagBeside])
    func `a GSO packet gets a tag as a whole`(hook: Hook) throws {
        let packet = IPv4(segment: .tcp(payload: [UInt8](repeating: 0x11, count: 2800)))
        let outcome = try HelperProgram(name: "vlan_push", hook: hook)
            .run(frame(packet, tags: [inner]), Arguments(tag: added), context: gsoContext(size: 1400, segments: 2))
        #expect(outcome.returned == 0)
        #expect(outcome.frame == frame(packet, tags: [added, inner]))
        #expect(gsoSegments(outcome.context) == 2)
    }
}
