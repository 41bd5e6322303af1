import ArgumentParser
import DINOEvaluation
import DINOInference

/// How objects are followed through frames.
struct TrackingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "To about how many pixels the shorter side of a frame is resized; nothing is cut off.",
      valueName: "pixels"))
  var resize = 480

  @Option(help: "How many frames before the new one are looked at besides the first.")
  var previous = 7

  @Option(help: "How far away labels may come from, in patches; 0 for the whole frame.")
  var radius = 12

  @Option(help: "How many patches a patch takes its labels from.")
  var neighbours = 5

  @Option(help: "Smaller gives the most similar patch more weight.")
  var temperature = 0.1

  @Option(help: "Compare the model's patch tokens, or the pixels of patches as a baseline.")
  var features = FrameTracker.Features.tokens

  @Flag(help: "Fit masks to the edges of each frame; not part of the protocol.")
  var refine = false

  func validate() throws {
    guard (1...8192).contains(resize) else {
      throw ValidationError("--resize is \(resize); expected 1 to 8192.")
    }
    guard (0...1000).contains(previous), (0...4096).contains(radius) else {
      throw ValidationError("--previous must be 0 to 1000, --radius 0 to 4096.")
    }
    guard (1...1000).contains(neighbours) else {
      throw ValidationError("--neighbours is \(neighbours); expected 1 to 1000.")
    }
    guard temperature > 0, temperature.isFinite else {
      throw ValidationError("--temperature is \(temperature); expected above 0.")
    }
  }

  /// The settings that the options make.
  var settings: FrameTracker.Settings {
    var settings = FrameTracker.Settings()
    settings.propagation.previousFrames = previous
    settings.propagation.radius = radius == 0 ? nil : radius
    settings.propagation.neighbours = neighbours
    settings.propagation.temperature = temperature
    settings.shorterSide = resize
    settings.features = features == .pixels ? .pixels : .tokens
    settings.refinement = refine ? EdgeRefinement() : nil
    return settings
  }

  /// What was done, for a report.
  var text: String {
    "labels of the \(neighbours) most similar patches of the first and the last \(previous) frames"
      + (radius == 0 ? "" : " within \(radius) patches")
      + ", temperature \(temperature), shorter side \(resize)"
      + (features == .pixels ? ", pixels instead of tokens" : "")
      + (refine ? ", masks fitted to edges" : "")
  }
}
