internal import CheckpointFormats
internal import FoundationEssentials
public import Torch

/// A model folder: `config.json`, `model.safetensors`, `preprocessor_config.json`.
///
/// The form is Hugging Face's, so transformers loads what this package writes.
public enum ModelFolder {
  private static let index = "model.safetensors.index.json"

  /// Whether a path is a folder with a `config.json`.
  public static func exists(at path: String) -> Bool {
    FileManager.default.fileExists(atPath: path + "/config.json")
  }

  /// The weight file of a folder: the first that exists of the usual names.
  ///
  /// - Parameter folder: The folder.
  /// - Returns: The path.
  /// - Throws: ``ModelError`` if there is none.
  public static func weightPath(in folder: String) throws(ModelError) -> String {
    let names = [index, "model.safetensors", "pytorch_model.bin.index.json", "pytorch_model.bin"]
    for name in names where FileManager.default.fileExists(atPath: "\(folder)/\(name)") {
      return "\(folder)/\(name)"
    }
    throw .unrecognized(
      path: folder, problem: "no weights: expected one of \(names.joined(separator: ", "))")
  }

  /// Loads the backbone of a folder.
  ///
  /// - Parameters:
  ///   - folder: The folder.
  ///   - dtype: The type of the parameters.
  /// - Returns: The model and the file that it came from.
  /// - Throws: ``ModelError`` if the folder does not hold a DINOv2 model.
  public static func load(
    _ folder: String, dtype: DType = .float32
  ) throws(ModelError) -> (model: VisionTransformer, file: WeightFile) {
    let config = try HuggingFaceConfig.read(folder + "/config.json").visionTransformer
    let file = try WeightFile(path: try weightPath(in: folder))
    let expectation = ModelExpectation(name: "\(folder)/config.json", config: config)
    return (try VisionTransformer.load(file, expecting: expectation, dtype: dtype), file)
  }

  /// Writes a backbone as a folder that transformers loads; its files appear together.
  ///
  /// transformers resizes positions in its own way: without registers by size and without
  /// antialiasing, where Meta's code adds an offset; with registers as Meta's code does. Where that
  /// changes features, a line says so.
  ///
  /// - Parameters:
  ///   - model: The backbone.
  ///   - folder: Made if it does not exist; otherwise files of the same names are replaced.
  ///   - elementType: The type of the stored numbers.
  ///   - cropSide: Side in pixels of the images that the model is meant for; nil for the released
  ///     models' 224 out of 256.
  /// - Returns: What the folder cannot hold, one line each.
  /// - Throws: ``ModelError`` if transformers has no such model or the folder cannot be written.
  @discardableResult
  public static func write(
    _ model: VisionTransformer, to folder: String,
    elementType: WeightForm.ElementType = .float32, cropSide: Int? = nil
  ) throws(ModelError) -> [String] {
    let config = try HuggingFaceConfig(model.config, elementType: elementType)
    guard !FileManager.default.fileExists(atPath: "\(folder)/\(index)") else {
      throw .unsupported(
        format: folder,
        problem: "it holds a model in several files, whose \(index) would be read instead: name "
          + "another folder")
    }
    do {
      let files = try AtomicFolder(path: folder)
      let (tensors, losses) = try StateDictWriter.tensors(
        of: model, as: WeightForm(.huggingFace, elementType), path: folder)
      try Safetensors.write(tensors, to: files.file("model.safetensors"))
      try files.write("config.json", json(config))
      try files.write("preprocessor_config.json", json(PreprocessorConfig(side: cropSide)))
      try files.commit()
      return losses + (model.config.lossOfInterpolation(as: .huggingFace).map { [$0] } ?? [])
    } catch {
      throw ModelError(error, path: folder)
    }
  }

  /// Encodes with sorted keys, as transformers does.
  private static func json(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try [UInt8](encoder.encode(value)) + [0x0A]
  }
}
