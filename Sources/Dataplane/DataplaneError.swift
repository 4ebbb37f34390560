// SPDX-License-Identifier: Apache-2.0

import BPF

/// Why the data plane could not do something.
public enum DataplaneError: Error, Sendable, CustomStringConvertible {
    /// The object is not an IO Module, or one that Hover does not load; the sentence says why.
    case notAModule(String)
    /// A configuration value does not fit the variable that it names, or a table's entry cannot be what is asked.
    case configuration(String)
    /// A packet was to leave by a port that leads nowhere.
    case notLinked(String)
    /// The kernel's verifier refused the module's program.
    case verifier(VerifierError)
    /// The kernel or libbpf refused an operation.
    case kernel(String)

    public var description: String {
        switch self {
        case .notAModule(let reason), .configuration(let reason), .notLinked(let reason), .kernel(let reason): reason
        case .verifier(let error): "\(error)"
        }
    }

    init(_ error: BPFError) {
        switch error {
        case .kernel(let error): self = .kernel("\(error)")
        case .object(let error): self = .notAModule("\(error)")
        case .verifier(let error): self = .verifier(error)
        }
    }

    init(_ error: KernelError) {
        self = .kernel("\(error)")
    }
}

/// Runs `body` with errors of the `BPF` target turned into `DataplaneError`.
func translating<Result>(_ body: () throws -> Result) throws(DataplaneError) -> Result {
    do {
        return try body()
    } catch let error as DataplaneError {
        throw error
    } catch let error as BPFError {
        throw DataplaneError(error)
    } catch let error as KernelError {
        throw DataplaneError(error)
    } catch {
        throw .kernel("\(error)")
    }
}
