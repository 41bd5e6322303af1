import ArgumentParser
import DINOData
import DINOInference
import DINOModels
import Foundation

/// How a head for segmentation or depth is found and applied.
struct DenseInferenceOptions: ParsableArguments {
  @Option(
    help: """
      A head folder, or a released head file (.pth); the head that comes with the program if left out.
      """, completion: .directory)
  var head: String?

  @Option(
    help: ArgumentHelp(
      "Pixels to which the shorter side is resized; what the head was trained on if left out.",
      valueName: "pixels"))
  var resize: Int?

  @Option(
    help: ArgumentHelp(
      "Side of windows whose results are averaged; the whole image at once if left out.",
      valueName: "pixels"))
  var window: Int?

  @Option(
    help: ArgumentHelp(
      "Step from window to window; two thirds of the window if left out.", valueName: "pixels"))
  var stride: Int?

  @Flag(help: "Average the result with that of the mirrored image.")
  var flip = false

  func validate() throws {
    guard (1...65_535).contains(resize ?? 1) else {
      throw ValidationError("--resize is \(resize ?? 0); expected 1 to 65535.")
    }
    guard (1...65_535).contains(window ?? 1) else {
      throw ValidationError("--window is \(window ?? 0); expected 1 to 65535.")
    }
    guard stride == nil || window != nil else {
      throw ValidationError("--stride needs --window.")
    }
    guard (1...(window ?? 65_535)).contains(stride ?? 1) else {
      throw ValidationError("--stride is \(stride ?? 0); expected 1 to the window's side.")
    }
  }

  /// Whether nothing but the size of images was chosen.
  var isDefaultButForSize: Bool { head == nil && window == nil && !flip }

  /// Windows and flips.
  var options: DensePredictor.Options {
    var options = DensePredictor.Options()
    options.resize = resize
    options.averagesFlip = flip
    options.window = window.map { side in
      let step = stride ?? max(side * 2 / 3, 1)
      return SlidingWindow(
        crop: DenseSize(height: side, width: side), stride: DenseSize(height: step, width: step))
    }
    return options
  }

  /// What is done, in a few words.
  func summary(_ head: DenseHead) -> String {
    let side = resize ?? head.preprocessing.resize
    return [
      side.map { "shorter side \($0)" } ?? "images as they are",
      window.map { "windows of \($0) every \(stride ?? max($0 * 2 / 3, 1))" } ?? "whole image",
      flip ? "mirrored too" : nil,
    ].compactMap { $0 }.joined(separator: ", ")
  }

  /// Finds the head for a task.
  ///
  /// - Parameters:
  ///   - task: What it shall do.
  ///   - released: What files of released heads do not say.
  /// - Returns: The head.
  /// - Throws: ``UsageError`` if none is named and none comes with the program.
  func load(
    for task: HeadTask, released: DenseHead.ReleasedOptions = DenseHead.ReleasedOptions()
  ) throws -> DenseHead {
    guard let path = head ?? ShippedModel.head(for: task) else {
      throw UsageError(
        "no head for \(task.rawValue) comes with this program: pass --head with a head folder, which "
          + "'dinov2 head train \(task.rawValue)' makes, or with a released head file")
    }
    let found = try DenseHead(path: path, released: released)
    guard found.task == task else {
      throw UsageError(
        "\(path) is a head for \(found.task.rawValue); a head for \(task.rawValue) is needed")
    }
    return found
  }
}
