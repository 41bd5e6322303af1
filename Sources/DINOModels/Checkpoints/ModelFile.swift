public import CheckpointFormats
internal import FoundationEssentials
public import Torch

/// Loads and writes a backbone wherever it lies: in a weight file or in a model folder.
public enum ModelFile {
  /// What a conversion did.
  public struct Conversion: Sendable {
    /// The sizes of the model.
    public let config: VisionTransformerConfig
    /// Whose names the weights had.
    public let style: KeyStyle
    /// What was taken off, left out or guessed on reading, one line each.
    public let notes: [String]
    /// What the target cannot hold, one line each.
    public let losses: [String]
  }

  /// Loads a backbone by its path alone.
  ///
  /// - Parameters:
  ///   - path: A weight file or a model folder.
  ///   - network: Which network of a training checkpoint is wanted.
  ///   - numHeads: The number of heads, where a weight file's model does not have `D / 64`.
  ///   - dtype: The type of the parameters.
  ///   - options: What is accepted of a weight file beyond the strict default.
  /// - Returns: The model and the file that it came from.
  /// - Throws: ``ModelError`` if there is no DINOv2 model.
  public static func load(
    _ path: String, network: WeightFile.Network = .teacher, numHeads: Int? = nil,
    dtype: DType = .float32, options: CheckpointOptions = CheckpointOptions()
  ) throws(ModelError) -> (model: VisionTransformer, file: WeightFile) {
    if ModelFolder.exists(at: path) { return try ModelFolder.load(path, dtype: dtype) }
    let file = try WeightFile(path: path, network: network, options: options)
    return (try VisionTransformer.load(file, numHeads: numHeads, dtype: dtype), file)
  }

  /// Writes a backbone as the form and the name ask for.
  ///
  /// - Parameters:
  ///   - model: The backbone.
  ///   - path: A name that ends in `.safetensors`, `.pth` or `.bin`; in Hugging Face's form also a
  ///     folder, which has no ending or exists already.
  ///   - form: Whose names, which numbers, what around them.
  /// - Returns: What the target cannot hold, one line each.
  /// - Throws: ``ModelError`` if the target cannot hold the model or cannot be written.
  public static func write(
    _ model: VisionTransformer, to path: String, as form: WeightForm
  ) throws(ModelError) -> [String] {
    guard isFolderName(path) else { return try StateDictWriter.write(model, as: form, to: path) }
    guard form == WeightForm(.huggingFace, form.elementType) else {
      throw .unsupported(
        format: path,
        problem: "a folder holds a model in Hugging Face's form; for another, end the name in "
          + ".safetensors or .pth")
    }
    return try ModelFolder.write(model, to: path, elementType: form.elementType)
  }

  /// Brings a model into another form.
  ///
  /// - Parameters:
  ///   - input: A weight file or a model folder.
  ///   - output: As ``write(_:to:as:)`` takes it.
  ///   - form: Whose names, which numbers, what around them.
  ///   - network: Which network of a training checkpoint is wanted.
  ///   - numHeads: The number of heads, where a weight file's model does not have `D / 64`.
  ///   - options: What is accepted of a weight file beyond the strict default.
  /// - Returns: What was found and what was lost.
  /// - Throws: ``ModelError`` if there is no model or the target cannot hold or take it.
  public static func convert(
    _ input: String, to output: String, as form: WeightForm,
    network: WeightFile.Network = .teacher, numHeads: Int? = nil,
    options: CheckpointOptions = CheckpointOptions()
  ) throws(ModelError) -> Conversion {
    let (model, file) = try load(
      input, network: network, numHeads: numHeads, options: options)
    var notes = file.notes
    let isGuess = numHeads == nil && !ModelFolder.exists(at: input) && model.config.headDim != 64
    if isGuess {
      notes.append(
        "num_heads \(model.config.numHeads) is a guess: the weights do not say it, and their width "
          + "\(model.config.embedDim) is no multiple of 64")
    }
    if !file.classifier.isEmpty {
      notes.append("left out the classifier; only the backbone is converted")
    }
    let losses = try write(model, to: output, as: form)
    return Conversion(config: model.config, style: file.style, notes: notes, losses: losses)
  }

  private static func isFolderName(_ path: String) -> Bool {
    var isDirectory = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
    return (exists && isDirectory) || path.hasSuffix("/")
      || WeightContainer.ending(of: path) == nil
  }
}
