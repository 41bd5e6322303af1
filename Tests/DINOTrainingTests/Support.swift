import CheckpointFormats
import DINOModels
import DINOTestSupport
import Testing
import Torch

extension Golden {
  /// An input or weight as a tensor that may be changed.
  func tensor(_ name: String) throws -> Tensor { try Tensor(self[name]).clone() }

  /// Tensors below a prefix, by the names without it.
  func tensors(_ prefix: String) throws -> [String: Tensor] {
    var found: [String: Tensor] = [:]
    for name in try names(prefix: prefix) {
      found[String(name.dropFirst(prefix.count))] = try tensor(name)
    }
    return found
  }

  /// The distinct components that follow a prefix, in the order of the file.
  func components(after prefix: String) throws -> [String] {
    var found: [String] = []
    for name in try names(prefix: prefix) {
      let component = String(name.dropFirst(prefix.count).prefix { $0 != "." })
      if !found.contains(component) { found.append(component) }
    }
    return found
  }

  /// Checks every element of a computed tensor.
  func check(
    _ got: Tensor, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try expectClose(
      got: got.detached().array(of: Double.self), shape: got.shape, expected: self[name],
      tolerance: tolerance(for: name), label: "\(self.name) \(name)",
      sourceLocation: sourceLocation)
  }
}

/// The difference of two tensors, relative to the largest element of the second.
func relativeDifference(_ got: Tensor, _ wanted: Tensor) throws -> Double {
  let scale = try Swift.max(wanted.detached().abs().max().item(), 1e-12)
  return try (got.detached() - wanted.detached()).abs().max().item() / scale
}

/// Compares gradients with central differences in float64.
///
/// - Parameters:
///   - x: Where; float64, requiring gradients.
///   - tolerance: The allowed difference, relative to the largest gradient.
///   - value: A scalar function.
func expectGradient(
  at x: Tensor, tolerance: Double = 1e-6, sourceLocation: SourceLocation = #_sourceLocation,
  _ value: (Tensor) throws -> Tensor
) throws {
  let gradient = try #require(try value(x).gradients(of: [x])[0]).array(of: Double.self)
  let start = try x.detached().array(of: Double.self)
  let step = 1e-5
  var numeric: [Double] = []
  for index in start.indices {
    var (above, below) = (start, start)
    above[index] += step
    below[index] -= step
    let rise = try value(Tensor(above, x.shape)).item() - value(Tensor(below, x.shape)).item()
    numeric.append(rise / (2 * step))
  }
  let scale = Swift.max(numeric.map(abs).max() ?? 0, 1e-12)
  let worst = zip(gradient, numeric).map { abs($0 - $1) }.max() ?? 0
  #expect(worst / scale < tolerance, sourceLocation: sourceLocation)
}
