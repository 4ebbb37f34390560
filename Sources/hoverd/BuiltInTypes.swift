// SPDX-License-Identifier: Apache-2.0

import Controller
import CounterModule
import DHCPModule
import FirewallModule
import ModuleKit
import NATModule
import NullModule
import SwitchModule
import RouterModule
import OneToOneNATModule

extension ModuleCatalog {
    /// The module types that come with Hover.
    static let builtIn = ModuleCatalog([
        CounterType(),
        DHCPType(),
        FirewallType(),
        NullType(),
        SwitchType(),
        RouterType(),
        NATType(),
        OneToOneNATType(),
    ])
}
