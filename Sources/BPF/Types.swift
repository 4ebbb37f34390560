// SPDX-License-Identifier: Apache-2.0
import CLibBPF

/// A kind of map (`enum bpf_map_type`). A structure, for the kernel may know kinds that this list lacks.
public struct MapType: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static let hash = MapType(rawValue: 1)
    public static let array = MapType(rawValue: 2)
    public static let programArray = MapType(rawValue: 3)
    public static let perfEventArray = MapType(rawValue: 4)
    public static let perCPUHash = MapType(rawValue: 5)
    public static let perCPUArray = MapType(rawValue: 6)
    public static let lruHash = MapType(rawValue: 9)
    public static let lruPerCPUHash = MapType(rawValue: 10)
    public static let lpmTrie = MapType(rawValue: 11)
    public static let arrayOfMaps = MapType(rawValue: 12)
    public static let hashOfMaps = MapType(rawValue: 13)
    public static let deviceMap = MapType(rawValue: 14)
    public static let cpuMap = MapType(rawValue: 16)
    public static let afXDPSocketMap = MapType(rawValue: 17)
    public static let queue = MapType(rawValue: 22)
    public static let stack = MapType(rawValue: 23)
    public static let deviceHash = MapType(rawValue: 25)
    public static let ringBuffer = MapType(rawValue: 27)
    public static let bloomFilter = MapType(rawValue: 30)

    /// BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, which is read as the other per-CPU kinds are.
    private static let perCPUControlGroupStorage = MapType(rawValue: 21)

    /// Whether an entry has a value for each possible CPU.
    public var isPerCPU: Bool {
        [.perCPUHash, .perCPUArray, .lruPerCPUHash, .perCPUControlGroupStorage].contains(self)
    }

    /// Whether the keys are the indices from 0 to the maximum number of entries.
    public var isArray: Bool {
        [.array, .programArray, .perfEventArray, .perCPUArray, .arrayOfMaps, .deviceMap, .cpuMap, .afXDPSocketMap]
            .contains(self)
    }

    /// The kernel documentation's name without `BPF_MAP_TYPE_`, in lower case: `lru_hash`.
    public var name: String {
        libbpf_bpf_map_type_str(bpf_map_type(rawValue)).map { String(cString: $0) } ?? "type \(rawValue)"
    }

    public var description: String { name }
}

/// A kind of program (`enum bpf_prog_type`). A structure, for the kernel may know kinds that this list lacks.
public struct ProgramType: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static let unspecified = ProgramType(rawValue: 0)
    public static let socketFilter = ProgramType(rawValue: 1)
    /// `SEC("tc")`: on a tcx or clsact hook.
    public static let schedulerClassifier = ProgramType(rawValue: 3)
    public static let xdp = ProgramType(rawValue: 6)

    /// libbpf's name: `sched_cls`.
    public var description: String {
        libbpf_bpf_prog_type_str(bpf_prog_type(rawValue)).map { String(cString: $0) } ?? "type \(rawValue)"
    }
}

/// How `BPFMap.set` treats an entry that is there, or is not.
public enum UpdateMode: UInt64, Sendable {
    /// Creates or replaces.
    case any = 0
    /// Creates; EEXIST when the entry is there.
    case create = 1
    /// Replaces; ENOENT when the entry is not there.
    case replace = 2
}
