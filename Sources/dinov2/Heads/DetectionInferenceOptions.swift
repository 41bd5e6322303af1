import ArgumentParser
import DINOData
import DINOInference
import DINOModels
import Foundation

/// How a detection head is found and applied.
struct DetectionInferenceOptions: ParsableArguments {
  @Option(
    help: "A head folder; the head that comes with the program if left out.",
    completion: .directory)
  var head: String?

  @Option(
    help: ArgumentHelp(
      "Pixels to which the shorter side is resized; what the head was trained on if left out.",
      valueName: "pixels"))
  var resize: Int?

  @Option(
    help: ArgumentHelp(
      "From which overlap on the weaker of two boxes of a class is dropped, 0 to 1.",
      valueName: "overlap"))
  var nms = 0.6

  @Option(help: "The most boxes of an image.")
  var most = 100

  func validate() throws {
    guard (1...65_535).contains(resize ?? 1) else {
      throw ValidationError("--resize is \(resize ?? 0); expected 1 to 65535.")
    }
    guard (0...1).contains(nms) else {
      throw ValidationError("--nms is \(nms); expected 0 to 1.")
    }
    guard (1...10_000).contains(most) else {
      throw ValidationError("--most is \(most); expected 1 to 10000.")
    }
  }

  /// What is found.
  func options(leastScore: Double) -> DetectionPredictor.Options {
    var options = DetectionPredictor.Options()
    options.resize = resize
    options.decoding.leastScore = Float(leastScore)
    options.decoding.overlap = Float(nms)
    options.decoding.most = most
    options.decoding.candidates = max(options.decoding.candidates, 2 * most)
    return options
  }

  /// Finds the head.
  ///
  /// - Returns: The head.
  /// - Throws: ``UsageError`` if none is named and none comes with the program.
  func load() throws -> HeadFolder {
    guard let path = head ?? ShippedModel.head(for: .detection) else {
      throw UsageError(
        "no head for detection comes with this program: pass --head with a head folder, which "
          + "'dinov2 head train detection' makes")
    }
    return try HeadFolder(path: path)
  }

  /// What is done, in a few words.
  func summary(_ head: HeadConfig) -> String {
    let side = resize ?? head.preprocessing.resize
    return (side.map { "shorter side \($0)" } ?? "images as they are")
      + ", suppression above overlap \(nms), at most \(most) boxes an image"
  }
}
