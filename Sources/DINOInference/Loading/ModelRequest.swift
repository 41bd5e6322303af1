internal import DINOModels
public import Torch

/// Which model is wanted, where its weights are, and how it shall run.
public struct ModelRequest: Sendable {
  /// The precision of the forward pass.
  public enum Precision: String, CaseIterable, Sendable {
    /// Single precision.
    case float32 = "fp32"
    /// bfloat16 where the processor or device computes in it; else weights rounded to it.
    case bfloat16 = "bf16"
  }

  /// A released model's name, a model folder, a run folder or a weight file; `nil` reads the sizes
  /// off the weights, or takes the ``ShippedModel`` if there are none either.
  public var model: String?
  /// A weight file, where `model` is a name.
  public var weights: String?
  /// A seed for random weights instead of a file.
  public var randomSeed: UInt64?
  /// The number of attention heads, where neither name nor folder tells it.
  public var numHeads: Int?
  /// Where to run.
  public var device = Device.cpu
  /// The precision.
  public var precision = Precision.float32
  /// The number of threads; as many as libtorch would take if `nil`.
  public var threads: Int?

  /// Asks for a model.
  ///
  /// - Parameters:
  ///   - model: A released model's name, a model folder, a run folder or a weight file.
  ///   - weights: A weight file, where `model` is a name.
  public init(_ model: String? = nil, weights: String? = nil) {
    self.model = model
    self.weights = weights
  }
}

/// A loaded backbone and where it came from.
struct LoadedBackbone {
  let model: VisionTransformer
  let name: String
  /// A classifier that lay beside the backbone.
  let classifier: LinearClassifier?
}

extension ModelRequest {
  /// Whether the model that comes with the package is wanted.
  var wantsShippedModel: Bool {
    randomSeed == nil && weights == nil && (model == nil || model == ShippedModel.name)
  }
}

extension ModelRequest {
  /// Finds the weights and builds the model.
  ///
  /// - Parameter dtype: The type of the parameters.
  /// - Returns: The model and where it came from.
  /// - Throws: ``InferenceError`` if there is no such model or its weights do not fit.
  func backbone(dtype: DType) throws(InferenceError) -> LoadedBackbone {
    if let randomSeed { return try random(seed: randomSeed, dtype: dtype) }
    guard let model, !wantsShippedModel else {
      if let weights {
        return try load(file: weights, expecting: nil, name: Self.stem(of: weights), dtype)
      }
      guard let folder = ShippedModel.folder else { throw .usage(problem: Self.nothingShipped) }
      return try load(folder: folder, dtype)
    }
    if let folder = Self.modelFolder(at: model) {
      guard weights == nil else {
        throw .usage(
          problem: "\(model) is a folder with weights of its own; leave --weights out")
      }
      return try load(folder: folder, dtype)
    }
    if FileKind.isFile(model) {
      guard weights == nil else {
        throw .usage(problem: "\(model) is a weight file itself; leave --weights out")
      }
      return try load(file: model, expecting: nil, name: Self.stem(of: model), dtype)
    }
    guard let known = ModelName(model) else { throw .usage(problem: unknown(model)) }
    guard let weights else {
      throw .usage(
        problem: "\(model) has no weights on this machine: 'dinov2 models pull \(model)' fetches "
          + "them, or pass --weights FILE")
    }
    let expectation = ModelExpectation(name: model, config: known.config)
    return try load(file: weights, expecting: expectation, name: model, dtype)
  }

  private static let nothingShipped =
    "the model that comes with the program is not beside it: move them together, or pass --model with a "
    + "released model's name, a model folder or a weight file"

  private func unknown(_ model: String) -> String {
    let hint = ModelName.nearest(to: model).map { "; did you mean \($0)?" } ?? ""
    return "\(model) is neither a model folder, a file nor a released model\(hint) "
      + "('dinov2 models list' shows all names)"
  }

  private func random(seed: UInt64, dtype: DType) throws(InferenceError) -> LoadedBackbone {
    let config: VisionTransformerConfig
    if let model {
      guard let known = ModelName(model) else { throw .usage(problem: unknown(model)) }
      config = known.config
    } else {
      config = .small()
    }
    do {
      let made = try VisionTransformer(config, in: ParameterScope(seed: seed, dtype: dtype))
      return LoadedBackbone(
        model: made, name: "\(model ?? "dinov2_vits14") (random weights)", classifier: nil)
    } catch { throw .torch(error) }
  }

  private func load(
    file path: String, expecting expectation: ModelExpectation?, name: String, _ dtype: DType
  ) throws(InferenceError) -> LoadedBackbone {
    do throws(ModelError) {
      let file = try WeightFile(path: path)
      let model = try VisionTransformer.load(
        file, expecting: expectation, numHeads: numHeads, dtype: dtype)
      return LoadedBackbone(
        model: model, name: name, classifier: try Self.classifier(in: file, of: model))
    } catch { throw .model(error) }
  }

  private func load(folder: String, _ dtype: DType) throws(InferenceError) -> LoadedBackbone {
    do throws(ModelError) {
      let (model, file) = try ModelFolder.load(folder, dtype: dtype)
      let labels = try HuggingFaceConfig.read(folder + "/config.json").idToLabel ?? [:]
      return LoadedBackbone(
        model: model, name: Self.stem(of: folder),
        classifier: try Self.classifier(in: file, of: model, labels: labels))
    } catch { throw .model(error) }
  }

  private static func classifier(
    in file: WeightFile, of model: VisionTransformer, labels: [String: String] = [:]
  ) throws(ModelError) -> LinearClassifier? {
    guard !file.classifier.isEmpty else { return nil }
    var names: [Int: String] = [:]
    for (index, name) in labels { if let index = Int(index) { names[index] = name } }
    return try LinearClassifier(
      file.classifier, path: file.path, embedDim: model.config.embedDim, labels: names)
  }

  /// The model folder that a path stands for: itself, or `model/` in a run folder.
  private static func modelFolder(at path: String) -> String? {
    [path, path + "/model"].first { ModelFolder.exists(at: $0) }
  }

  /// The last part of a path without its ending.
  private static func stem(of path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return name }
    return String(name[..<dot])
  }
}
