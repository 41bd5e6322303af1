import CheckpointFormats
import DINOData
import DINOModels
import DINOTestSupport
import Foundation
import Imaging
import Testing
import Torch

extension Golden {
  /// Decodes hyper-parameters; their names are in snake case.
  func settings<Value: Decodable>(_ type: Value.Type, at key: String? = nil) throws -> Value {
    var value = try config
    if let key { value = try value.member(key) }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: JSONEncoder().encode(value))
  }

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

extension TemporaryFolder {
  /// Writes rendered scenes, `0.png` and so on.
  func writeScenes(_ name: String, count: Int, side: Int, seed: UInt64) throws {
    let renderer = SceneRenderer(seed: seed)
    for index in 0..<count {
      let picture = try renderer.render(
        renderer.scene(at: index), size: Size(height: side, width: side))
      try write("\(name)/\(index).png", ImageEncoder().encode(picture.image, as: .png))
    }
  }
}
