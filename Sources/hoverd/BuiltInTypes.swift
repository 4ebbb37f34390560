// SPDX-License-Identifier: Apache-2.0

import Controller
import CounterModule
import ModuleKit
import NullModule
import SwitchModule
import RouterModule

extension ModuleCatalog {
    /// The module types that come with Hover.
    static let builtIn = ModuleCatalog([
        CounterType(),
        NullType(),
        SwitchType(),
        RouterType(),
    ])
}
