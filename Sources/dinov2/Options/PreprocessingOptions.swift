import ArgumentParser
import DINOInference
import DINOModels
import Imaging

/// How images become the model's input.
struct PreprocessingOptions: ParsableArguments {
  /// A number of pixels, or none.
  enum Length: Equatable, ExpressibleByArgument {
    case none
    case pixels(Int)

    init?(argument: String) {
      if argument == "none" {
        self = .none
      } else if let pixels = Int(argument) {
        self = .pixels(pixels)
      } else {
        return nil
      }
    }
  }

  @Option(
    help: ArgumentHelp(
      "Pixels to which the shorter side is resized, or none.", valueName: "pixels"))
  var resize: Length?

  @Option(
    help: ArgumentHelp(
      "Side of the centre crop, or none: the image is cut to whole patches.",
      valueName: "pixels"))
  var crop: Length?

  @Flag(help: "Turn images as their EXIF orientation says; the original does not.")
  var exif = false

  /// The preprocessing for a model.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - standard: What holds where no option says otherwise; the model's own if left out.
  /// - Returns: The preprocessing.
  /// - Throws: ``UsageError`` if a length is out of range.
  func preprocessing(for model: DINOv2, default standard: Preprocessing? = nil) throws
    -> Preprocessing
  {
    let config = model.config
    var result = standard ?? model.preprocessing
    result.patchSize = config.patchSize
    switch resize {
    case nil: break
    case Length.none?: result.resize = nil
    case .pixels(let pixels)?:
      guard (1...65_535).contains(pixels) else {
        throw UsageError("--resize is \(pixels); expected none or 1 to 65535")
      }
      result.resize = pixels
    }
    switch crop {
    case nil: break
    case Length.none?: result.crop = nil
    case .pixels(let pixels)?:
      guard (1...65_535).contains(pixels), pixels.isMultiple(of: config.patchSize) else {
        let near = max(pixels / config.patchSize, 1) * config.patchSize
        throw UsageError(
          "--crop is \(pixels); expected none or a multiple of the patch side "
            + "\(config.patchSize), such as \(near)")
      }
      result.crop = Size(height: pixels, width: pixels)
    }
    // A crop of another patch size than the standard's would not fit.
    if crop == nil, let side = result.crop?.height, !side.isMultiple(of: config.patchSize) {
      let whole = side / config.patchSize * config.patchSize
      result.crop = Size(height: whole, width: whole)
    }
    return result
  }

  /// The decoder.
  var decoder: ImageDecoder { ImageDecoder(appliesOrientation: exif) }
}
