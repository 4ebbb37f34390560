// SPDX-License-Identifier: Apache-2.0

/// Where each kernel object of Hover's is pinned. A pin keeps it alive without a descriptor, and without `hoverd`.
///
///     <root>/shared/state, entries, slow_paths, rings     maps of all modules
///                   device-<index>          the program on Hover's device
///                   device-link             its hook
///     <root>/modules/<uuid>/slots           prog array
///                           stages          prog array
///                           finish          program
///                           counters        per-CPU array
///                           ways            array
///                           tables/<name>   the maps that the module's source declares
///                           data/<number>   the maps that libbpf makes of its global variables
///                           ports/<number>  programs
///                           hops/<number>   programs
///     <root>/interfaces/<index>/slots, ingress, egress, exit, continue, ingress-link, egress-link
public struct PinLayout: Sendable, Hashable {
    /// A folder on a bpffs, used by one `hoverd` at a time.
    public let root: String

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

    /// `id` is `m:<uuid>`.
    func module(_ id: String) -> String { modules + "/" + id.dropFirst(2) }
    func slots(ofModule id: String) -> String { module(id) + "/slots" }
    func stages(ofModule id: String) -> String { module(id) + "/stages" }
    func finish(ofModule id: String) -> String { module(id) + "/finish" }
    func counters(ofModule id: String) -> String { module(id) + "/counters" }
    func ways(ofModule id: String) -> String { module(id) + "/ways" }
    func table(_ name: String, ofModule id: String) -> String { module(id) + "/tables/" + name }
    func data(_ number: Int, ofModule id: String) -> String { module(id) + "/data/\(number)" }
    func port(_ number: Int, ofModule id: String) -> String { module(id) + "/ports/\(number)" }
    func hop(_ number: Int, ofModule id: String) -> String { module(id) + "/hops/\(number)" }

    func interface(_ index: Int) -> String { interfaces + "/\(index)" }
    func slots(ofInterface index: Int) -> String { interface(index) + "/slots" }
    func program(_ program: InterfaceProgram, ofInterface index: Int) -> String {
        interface(index) + "/" + program.rawValue
    }
    func link(_ direction: HookDirection, ofInterface index: Int) -> String {
        interface(index) + "/\(direction.rawValue)-link"
    }

    /// The pin of the program that a slot is to hold.
    func program(of target: Target) -> String {
        switch target {
        case .port(let module, let number): port(number, ofModule: module)
        case .hop(let policy, let instance): hop(instance, ofModule: policy)
        case .exit(let interface): program(.exit, ofInterface: interface)
        case .continue(let interface): program(.continue, ofInterface: interface)
        }
    }

    /// The prog array that a slot is in, and its index there.
    func place(of slot: Slot) -> (path: String, index: UInt32) {
        switch slot {
        case .port(let module, let number): (slots(ofModule: module), UInt32(number))
        case .hop(let policy, let instance): (slots(ofModule: policy), UInt32(instance))
        case .ingress(let interface): (slots(ofInterface: interface), 0)
        case .egress(let interface): (slots(ofInterface: interface), 1)
        }
    }
}
