// SPDX-License-Identifier: Apache-2.0

import TypedValue

extension Module {
    /// Takes answers without `generation`, of a `hoverd` that does not replace code.
    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            id: try members.decode(String.self, forKey: .id),
            name: try members.decode(String.self, forKey: .name),
            type: try members.decode(String.self, forKey: .type),
            tags: try members.decode([String].self, forKey: .tags),
            placements: try members.decode([Placement].self, forKey: .placements),
            ports: try members.decode([Port].self, forKey: .ports),
            drops: try members.decode([String: UInt64].self, forKey: .drops),
            config: try members.decode([String: TypedValue].self, forKey: .config),
            number: try members.decode(UInt32.self, forKey: .number),
            warnings: try members.decode(String.self, forKey: .warnings),
            hooks: try members.decode([String].self, forKey: .hooks),
            xdpObstacle: try members.decodeIfPresent(String.self, forKey: .xdpObstacle),
            packetIns: try members.decode(UInt64.self, forKey: .packetIns),
            copies: try members.decode(UInt64.self, forKey: .copies),
            generation: try members.decodeIfPresent(Int.self, forKey: .generation) ?? 0,
            code: try members.decodeIfPresent(String.self, forKey: .code))
    }
}
