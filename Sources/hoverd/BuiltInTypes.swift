// SPDX-License-Identifier: Apache-2.0

import Controller
import CounterModule
import DHCPModule
import DPIModule
import FirewallModule
import ModuleKit
import NATModule
import NullModule
import OneToOneNATModule
import RouterModule
import SwitchModule

extension ModuleCatalog {
    /// The module types that come with Hover.
    static let builtIn = ModuleCatalog([
        CounterType(),
        DHCPType(),
        DPIType(),
        FirewallType(),
        NATType(),
        NullType(),
        OneToOneNATType(),
        RouterType(),
        SwitchType(),
    ])
}
