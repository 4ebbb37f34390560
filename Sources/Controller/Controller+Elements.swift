// SPDX-License-Identifier: Apache-2.0

import TypedValue

// Elements of lists in a module's configuration, by what their member `id` or `name` says: one rule among thousands is
// changed without the others being sent.
extension Controller {
    /// One element.
    ///
    /// - Throws: `.notFound`.
    public func element(
        _ name: String, of list: String, ofModule reference: String
    ) async throws(HoverError) -> TypedValue {
        try await exclusively { () async throws(HoverError) in
            let module = try self.writable(reference)
            let elements = try module.elements(of: list)
            return elements[try self.index(of: name, in: elements, list, module)]
        }
    }

    /// Changes an element where it is, or adds one.
    ///
    /// - Parameters:
    ///   - name: what the element's own `id` or `name` says too.
    ///   - other: the element before which it is to be; without it a new one comes last.
    public func setElement(
        _ element: TypedValue, _ name: String, of list: String, before other: String?, ofModule reference: String
    ) async throws(HoverError) {
        guard element.elementName == name else {
            throw HoverError(
                .invalid,
                "the element calls itself \(element.elementName ?? "nothing"), and is to be \(name): give it that id "
                    + "(or name, where elements of \(list) have one)")
        }
        try await change("set \(list)/\(name)", list, ofModule: reference) { elements, module throws(HoverError) in
            let present = elements.firstIndex { $0.elementName == name }
            guard other != nil || present == nil else {
                elements[present ?? 0] = element
                return present ?? 0
            }
            if let present { elements.remove(at: present) }
            let place = try other.map { (other) throws(HoverError) in
                try self.index(of: other, in: elements, list, module)
            }
            elements.insert(element, at: place ?? elements.count)
            return place ?? elements.count - 1
        }
    }

    /// Removes an element.
    public func deleteElement(
        _ name: String, of list: String, ofModule reference: String
    ) async throws(HoverError) {
        try await change("delete \(list)/\(name)", list, ofModule: reference) { elements, module throws(HoverError) in
            elements.remove(at: try self.index(of: name, in: elements, list, module))
            return nil
        }
    }

    private func index(
        of name: String, in elements: [TypedValue], _ list: String, _ module: ModuleRecord
    ) throws(HoverError) -> Int {
        guard let place = elements.firstIndex(where: { $0.elementName == name }) else {
            throw HoverError(
                .notFound,
                "\(list) of module \(module.name) has no element with the id or name \(name): `hoverctl get module "
                    + "\(module.name) -o yaml` shows them")
        }
        return place
    }

    /// - Parameter edit: changes the list, and says where what the request gave is then.
    private func change(
        _ summary: String, _ list: String, ofModule reference: String,
        _ edit: (inout [TypedValue], ModuleRecord) throws(HoverError) -> Int?
    ) async throws(HoverError) {
        try await exclusively { () async throws(HoverError) in
            let module = try self.writable(reference)
            var elements = try module.elements(of: list)
            let place = try edit(&elements, module)
            var config = module.config
            config[list] = .array(elements)
            try await self.change("\(summary) of module \(module.name)") {
                (model: inout Model, plan: inout Plan) throws(HoverError) in
                var updated = module
                do throws(HoverError) {
                    try updated.configure(config, self.types)
                } catch {
                    throw error.about(place.map { "/config/\(list)/\($0)" })
                }
                try model.planUpdate(of: module, to: updated, in: &plan)
            }
        }
    }
}

extension HoverError {
    /// The same for a request that has only what is at a pointer; nil: nothing.
    fileprivate func about(_ place: String?) -> HoverError {
        var error = self
        error.pointer = nil
        if let place, let pointer, pointer == place || pointer.hasPrefix(place + "/") {
            error.pointer = String(pointer.dropFirst(place.count))
        }
        return error
    }
}

extension ModuleRecord {
    fileprivate func elements(of list: String) throws(HoverError) -> [TypedValue] {
        switch config[list] {
        case .array(let elements): return elements
        case nil, .null: return []
        default: throw HoverError(.invalid, "config \(list) of module \(name) is no list: change the whole config")
        }
    }
}

extension TypedValue {
    /// What an element of a list is known by.
    fileprivate var elementName: String? {
        guard case .object(let members) = self, case .string(let name)? = members["id"] ?? members["name"] else {
            return nil
        }
        return name
    }
}
