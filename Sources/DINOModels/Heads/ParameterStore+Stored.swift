internal import CheckpointFormats
internal import Torch

extension ParameterStore {
  /// Loads the tensors of a file; nothing may be missing or left over.
  ///
  /// Values are copied, so that they can be trained on.
  ///
  /// - Parameters:
  ///   - stored: Tensors by the store's names.
  ///   - path: The file, for messages.
  ///   - model: How messages call what the store belongs to.
  /// - Throws: ``ModelError`` that lists every missing, unexpected and mis-shaped key.
  func load(
    stored: [String: StoredTensor], path: String, as model: String
  ) throws(ModelError) {
    let problems = mismatches(with: stored.mapValues(\.shape))
    guard problems.isEmpty else {
      throw .mismatch(path: path, model: model, problems: problems)
    }
    do throws(TorchError) {
      var values: [String: Tensor] = [:]
      for (name, tensor) in stored { values[name] = try Tensor(tensor).clone() }
      try load(values)
    } catch {
      throw .torch(error)
    }
  }
}
