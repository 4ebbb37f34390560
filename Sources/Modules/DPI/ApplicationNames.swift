// SPDX-License-Identifier: Apache-2.0

import CNDPI

/// What nDPI calls applications and categories, by its numbers.
struct ApplicationNames: Sendable {
    /// By number; applications that nDPI has a number but no name for are `FREE_…`.
    let applications: [String]
    /// By number; empty where there is no such category.
    let categories: [String]

    /// Those of the library that runs. nDPI knows them once it is prepared, which takes some 15 ms.
    static let known = ApplicationNames()

    private init() {
        guard let inspector = ndpi_inspector_create() else {
            applications = []
            categories = []
            return
        }
        defer { ndpi_inspector_destroy(inspector) }
        applications = (0..<ndpi_inspector_application_count(inspector)).map {
            Self.text(ndpi_inspector_application_name(inspector, UInt16($0)))
        }
        categories = (0..<ndpi_inspector_category_count()).map {
            Self.text(ndpi_inspector_category_name(inspector, UInt16($0)))
        }
    }

    private static func text(_ name: UnsafePointer<CChar>?) -> String { name.map { String(cString: $0) } ?? "" }

    /// The name of an application, or its number where the library has none.
    func application(_ number: UInt16) -> String {
        Int(number) < applications.count ? applications[Int(number)] : "\(number)"
    }

    /// The name of a category, or its number where the library has none.
    func category(_ number: UInt16) -> String {
        guard Int(number) < categories.count, !categories[Int(number)].isEmpty else { return "\(number)" }
        return categories[Int(number)]
    }
}
