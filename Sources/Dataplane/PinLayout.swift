// SPDX-License-Identifier: Apache-2.0

/// Where each kernel object of Hover's is pinned. A pin keeps it alive without a descriptor, and without `hoverd`.
///
///     <root>/shared/state, entries, slow_paths, rings     maps of all modules
///                   device-<index>          the program on Hover's device
///                   device-link             its hook
///                   store-<uuid>            `state` again; its name tells whose all this is
///                   version-<number>        `state` again; its name tells which build of Hover loaded its own programs
///     <root>/modules/<uuid>[+<generation>]  a generation other than 0 has its number behind the name
///     <root>/modules/<uuid>/slots           prog array
///                           stages          prog array
///                           finish          program
///                           counters        per-CPU array
///                           ways            array
///                           tables/<name>   the maps that the module's source declares
///                           data/<section>  the maps that libbpf makes of its global variables
///                           ports/<number>  programs
///                           hops/<number>   programs
///                           xdp/            slots, stages, finish, data, ports and hops of the module at xdp
///     <root>/interfaces/<index>/slots, ingress, egress, exit, continue, ingress-link, egress-link
///                              promiscuous/    a folder: Hover has made the interface so
///                              xdp/slots, ingress, exit, native-link or generic-link
public struct PinLayout: Sendable, Hashable {
    /// A folder on a bpffs, used by one `hoverd` at a time.
    public let root: String
    /// The generation of each module that is in force; 0 where there is none.
    var generations: [String: Int] = [:]

    public init(root: String) {
        self.root = root
    }

    var modules: String { root + "/modules" }
    var interfaces: String { root + "/interfaces" }

    var shared: String { root + "/shared" }
    func shared(_ map: SharedMap) -> String { shared + "/" + map.rawValue }
    func device(_ index: UInt32) -> String { shared + "/device-\(index)" }
    func device(named pin: String) -> UInt32? { pin.hasPrefix("device-") ? UInt32(pin.dropFirst(7)) : nil }
    var deviceLink: String { shared + "/device-link" }
    func owner(_ store: String) -> String { shared + "/store-" + store }
    func version(_ version: String) -> String { shared + "/version-" + version }

    /// `id` is `m:<uuid>`.
    func module(_ id: String) -> String { module(id, generation: generations[id] ?? 0) }
    func module(_ id: String, generation: Int) -> String {
        modules + "/" + id.dropFirst(2) + (generation == 0 ? "" : "+\(generation)")
    }
    /// What a module has at each hook for itself.
    func module(_ id: String, at hook: Hook) -> String { hook == .tc ? module(id) : module(id) + "/xdp" }
    func slots(ofModule id: String, at hook: Hook = .tc) -> String { module(id, at: hook) + "/slots" }
    func stages(ofModule id: String, at hook: Hook = .tc) -> String { module(id, at: hook) + "/stages" }
    func finish(ofModule id: String, at hook: Hook = .tc) -> String { module(id, at: hook) + "/finish" }
    func counters(ofModule id: String) -> String { module(id) + "/counters" }
    func ways(ofModule id: String) -> String { module(id) + "/ways" }
    func table(_ name: String, ofModule id: String) -> String { module(id) + "/tables/" + name }
    func data(_ section: String, ofModule id: String, at hook: Hook) -> String {
        module(id, at: hook) + "/data/" + section
    }
    func port(_ number: Int, ofModule id: String, at hook: Hook = .tc) -> String {
        module(id, at: hook) + "/ports/\(number)"
    }
    func hop(_ number: Int, ofModule id: String, at hook: Hook = .tc) -> String {
        module(id, at: hook) + "/hops/\(number)"
    }

    func interface(_ index: Int) -> String { interfaces + "/\(index)" }
    func slots(ofInterface index: Int) -> String { interface(index) + "/slots" }
    func program(_ program: InterfaceProgram, ofInterface index: Int) -> String {
        interface(index) + "/" + program.rawValue
    }
    func link(_ direction: HookDirection, ofInterface index: Int) -> String {
        interface(index) + "/\(direction.rawValue)-link"
    }

    func promiscuity(_ index: Int) -> String { interface(index) + "/promiscuous" }

    func xdp(_ index: Int) -> String { interface(index) + "/xdp" }
    func xdpSlots(_ index: Int) -> String { xdp(index) + "/slots" }
    func xdpIngress(_ index: Int) -> String { xdp(index) + "/ingress" }
    func xdpExit(_ index: Int) -> String { xdp(index) + "/exit" }
    func xdpLink(_ index: Int, _ mode: XDPMode) -> String { xdp(index) + "/\(mode.rawValue)-link" }

    /// The pin of the program that a slot is to hold; nil when there is none at that hook.
    func program(of target: Target, at hook: Hook) -> String? {
        switch (target, hook) {
        case (.port(let module, let number), _): port(number, ofModule: module, at: hook)
        case (.hop(let policy, let instance), _): hop(instance, ofModule: policy, at: hook)
        case (.exit(let interface), .tc): program(.exit, ofInterface: interface)
        case (.exit(let interface), .xdp): xdpExit(interface)
        case (.continue(let interface), .tc): program(.continue, ofInterface: interface)
        case (.continue, .xdp): nil
        }
    }

    /// The prog array that a slot is in, and its index there; nil when there is none at that hook.
    func place(of slot: Slot, at hook: Hook) -> (path: String, index: UInt32)? {
        switch (slot, hook) {
        case (.port(let module, let number), _): (slots(ofModule: module, at: hook), UInt32(number))
        case (.hop(let policy, let instance), _): (slots(ofModule: policy, at: hook), UInt32(instance))
        case (.ingress(let interface), .tc): (slots(ofInterface: interface), 0)
        case (.egress(let interface), .tc): (slots(ofInterface: interface), 1)
        case (.xdp(let interface), .xdp): (xdpSlots(interface), 0)
        case (.ingress, .xdp), (.egress, .xdp), (.xdp, .tc): nil
        }
    }
}
