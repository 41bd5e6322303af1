import DINOInference
import DINOModels
import Imaging

/// The classifier that `--head` names: a head folder, or a published head file.
struct ClassifierChoice {
  /// The file with the weights; nil for the classifier that came with the model.
  let path: String?
  /// The names of the classes, where the folder tells them.
  let names: [String]?
  /// How the head wants its images, where the folder tells it.
  let preprocessing: Preprocessing?

  /// Looks at what was named.
  ///
  /// - Parameters:
  ///   - head: The path.
  ///   - model: The model, which a head folder must have been made for.
  /// - Throws: ``ModelError`` or ``InferenceError`` if the head is for another task or model.
  init(_ head: String?, for model: DINOv2) async throws {
    guard let head, HeadFolder.exists(at: head) else {
      (path, names, preprocessing) = (head, nil, nil)
      return
    }
    let folder = try HeadFolder(path: head)
    try folder.check(
      .classification, for: try await model.headBackbone(blocks: [], normalize: true))
    _ = try folder.classifier()
    path = "\(head)/\(HeadFolder.weightsName)"
    names = folder.config.classes
    preprocessing = try Preprocessing(folder.config.preprocessing)
  }
}
