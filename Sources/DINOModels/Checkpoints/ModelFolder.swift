internal import CheckpointFormats
internal import FoundationEssentials
public import Torch

/// A model folder: `config.json`, `model.safetensors`, `preprocessor_config.json`.
///
/// The form is Hugging Face's, so transformers loads what this package writes.
public enum ModelFolder {
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
    let names = [
      "model.safetensors.index.json", "model.safetensors", "pytorch_model.bin.index.json",
      "pytorch_model.bin",
    ]
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

  /// Writes a backbone as a folder that transformers loads.
  ///
  /// - Parameters:
  ///   - model: The backbone.
  ///   - folder: Made if it does not exist.
  /// - Returns: What the folder cannot hold, one line each.
  /// - Throws: ``ModelError`` if transformers has no such model or the folder cannot be written.
  public static func write(
    _ model: VisionTransformer, to folder: String
  ) throws(ModelError) -> [String] {
    let config = try HuggingFaceConfig(model.config)
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw .unsupported(format: folder, problem: "the folder cannot be made: \(error)")
    }
    var losses = try StateDictWriter.write(
      model, as: .huggingFace, to: folder + "/model.safetensors")
    try config.write(folder + "/config.json")
    try PreprocessorConfig().write(folder + "/preprocessor_config.json")
    if config.visionTransformer.posEmbedInterpolation != model.config.posEmbedInterpolation {
      losses.append(
        "how positions are resized: transformers ignores the offset "
          + "\(model.config.interpolateOffset), so features off \(model.config.imageSize) pixels "
          + "differ slightly from the original's")
    }
    return losses
  }
}

/// `preprocessor_config.json` of the published folders: shorter side 256, centre crop 224, bicubic.
struct PreprocessorConfig: Encodable {
  struct CropSize: Encodable {
    let height = 224
    let width = 224
  }
  struct ResizeSize: Encodable {
    let shortest_edge = 256
  }

  let image_processor_type = "BitImageProcessor"
  let do_resize = true
  let size = ResizeSize()
  let resample = 3
  let do_center_crop = true
  let crop_size = CropSize()
  let do_rescale = true
  let rescale_factor = 1.0 / 255
  let do_normalize = true
  let image_mean = [0.485, 0.456, 0.406]
  let image_std = [0.229, 0.224, 0.225]
  let do_convert_rgb = true

  func write(_ path: String) throws(ModelError) {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(self).write(to: URL(filePath: path), options: .atomic)
    } catch {
      throw .configuration(path: path, problem: "cannot be written: \(error)")
    }
  }
}
