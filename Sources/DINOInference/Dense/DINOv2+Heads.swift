public import DINOModels
internal import Torch

extension DINOv2 {
  /// What a head folder notes about this model.
  ///
  /// The weights are read once more for their fingerprint, in single precision whatever the model
  /// computes with.
  ///
  /// - Parameters:
  ///   - blocks: The blocks whose outputs the head takes.
  ///   - normalize: Whether the final norm is applied to them.
  /// - Returns: Name, sizes and fingerprint.
  /// - Throws: ``InferenceError`` if the weights cannot be read any more.
  public func headBackbone(
    blocks: [Int], normalize: Bool
  ) throws(InferenceError) -> HeadBackbone {
    let model = try separateModel()
    do throws(TorchError) {
      return HeadBackbone(
        name: name, config, fingerprint: try model.fingerprint(), blocks: blocks,
        normalize: normalize)
    } catch { throw .torch(error) }
  }

  /// The backbone once more, in single precision: a copy that may be changed.
  ///
  /// - Returns: A model of its own.
  /// - Throws: ``InferenceError`` if the weights cannot be read any more.
  nonisolated package func separateModel() throws(InferenceError) -> VisionTransformer {
    try request.backbone(dtype: .float32).model
  }
}

extension ShippedModel {
  /// The folder of a head that comes with the model; nil if there is none.
  ///
  /// - Parameter task: What the head does.
  /// - Returns: The path.
  public static func head(for task: HeadTask) -> String? {
    guard let path = folder.map({ "\($0)/heads/\(task.rawValue)" }), HeadFolder.exists(at: path)
    else { return nil }
    return path
  }
}
