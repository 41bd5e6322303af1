internal import CheckpointFormats
internal import Torch

/// What keeps a weight file from fitting a model, key by key, under the file's own names.
struct KeyDifferences {
  private let found: [String: [Int]]
  private let style: KeyStyle

  /// Notes the keys of a file.
  init(_ file: WeightFile) {
    var found: [String: [Int]] = [:]
    for (name, tensor) in file.backbone {
      // Names come from the file; messages hold them.
      let name = file.style == .meta ? KeyMap.unchunked(name) : name
      found[name.escapedForMessage] = tensor.shape
    }
    self.found = file.style == .huggingFace ? Self.joiningGates(found) : found
    style = file.style
  }

  /// Shapes in which `mlp.gate_proj` and `mlp.up_proj`, which transformers has in memory, are
  /// `mlp.weights_in`, as in its files.
  private static func joiningGates(_ shapes: [String: [Int]]) -> [String: [Int]] {
    var result = shapes
    for (name, shape) in shapes where name.contains(".mlp.gate_proj.") {
      let other = name.replacing(".mlp.gate_proj.", with: ".mlp.up_proj.")
      guard shapes[other] == shape, let rows = shape.first else { continue }
      result[name] = nil
      result[other] = nil
      result[name.replacing(".mlp.gate_proj.", with: ".mlp.weights_in.")] =
        [rows.multipliedReportingOverflow(by: 2).partialValue] + shape.dropFirst()
    }
    return result
  }

  /// One line per key that is missing, left over or of another shape, with the nearest names.
  ///
  /// - Parameter model: The model; only the shapes of its parameters count.
  /// - Returns: The lines by name; none if the file fits.
  /// - Throws: `TorchError` if the model has no form in the file's style.
  func problems(with model: VisionTransformer) throws(TorchError) -> [String] {
    var expected = try KeyMap.export(model.stateDict, to: style).tensors.mapValues(\.shape)
    if style == .huggingFace, found[Self.maskToken] == nil { expected[Self.maskToken] = nil }
    let missing = expected.keys.filter { found[$0] == nil }.sorted()
    let unexpected = found.keys.filter { expected[$0] == nil }.sorted()
    var problems: [String] = []
    for (name, shape) in expected.sorted(by: { $0.key < $1.key }) {
      guard let other = found[name] else {
        problems.append("missing \(name) \(shape)" + nearest(to: name, among: unexpected))
        continue
      }
      if other != shape { problems.append("\(name) is \(other), expected \(shape)") }
    }
    for name in unexpected {
      problems.append("unexpected \(name)" + nearest(to: name, among: missing))
    }
    return problems
  }

  private static let maskToken = "embeddings.mask_token"

  private func nearest(to name: String, among names: [String]) -> String {
    NearestName.find(name, among: names).map { " (nearest: \($0))" } ?? ""
  }
}
