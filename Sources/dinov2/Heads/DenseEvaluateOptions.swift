import ArgumentParser
import DINOData
import DINOInference
import Foundation
import Imaging
import Telemetry

/// What measuring a head for each pixel needs.
struct DenseEvaluateOptions: ParsableArguments {
  @Option(help: "The data set.", completion: .directory)
  var data: String

  @Option(help: "The part to measure on.")
  var split = "val"

  @Flag(help: "Leave out images with problems instead of refusing the data set.")
  var leaveOutBad = false

  @Option(help: "Threads that decode images.")
  var decoders = 2

  @Option(help: "Draws of the bootstrap that give the 95 % interval; 0 for none.")
  var bootstrap = 1000

  @Option(help: "The seed of every random draw.")
  var seed: UInt64 = 0

  @Flag(help: "Print one JSON object instead of a Markdown row.")
  var json = false

  func validate() throws {
    guard (1...256).contains(decoders) else {
      throw ValidationError("--decoders is \(decoders); expected 1 to 256.")
    }
    guard (0...1_000_000).contains(bootstrap) else {
      throw ValidationError("--bootstrap is \(bootstrap); expected 0 to 1000000.")
    }
  }
}

/// How segmentation data is read.
struct SegmentationDataOptions: ParsableArguments {
  /// ``SegmentationLayout`` as an argument.
  enum Layout: String, CaseIterable, ExpressibleByArgument {
    case standard, ade20k, voc, cityscapes
  }

  @Option(help: "How the files lie; found out if left out.")
  var layout: Layout?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Numbers of classes whose pixels count nowhere, such as one for \"not labelled\".",
      valueName: "class"))
  var ignore: [Int] = []

  /// Finds the files.
  func read(_ root: String, split: String) throws -> SegmentationData {
    var options = SegmentationData.Options()
    options.layout = layout.flatMap { .init(rawValue: $0.rawValue) }
    options.ignoredClasses = ignore
    return try SegmentationData(RawPath(argument: root), split: split, options: options)
  }
}

/// How depth data is read.
struct DepthDataOptions: ParsableArguments {
  /// ``DepthLayout`` as an argument.
  enum Layout: String, CaseIterable, ExpressibleByArgument {
    case standard, nyu, kitti
  }

  @Option(help: "How the files lie; found out if left out.")
  var layout: Layout?

  @Option(
    help: ArgumentHelp(
      "Stored units in a metre: 1000 for millimetres, 256 for KITTI, 5000 for TUM; the layout's if left "
        + "out.", valueName: "units"))
  var unitsPerMetre: Double?

  func validate() throws {
    guard unitsPerMetre ?? 1 > 0, (unitsPerMetre ?? 1).isFinite else {
      throw ValidationError("--units-per-metre is \(unitsPerMetre ?? 0); expected above 0.")
    }
  }

  /// Finds the files.
  func read(_ root: String, split: String) throws -> DepthData {
    var options = DepthData.Options()
    options.layout = layout.flatMap { .init(rawValue: $0.rawValue) }
    options.unitsPerMetre = unitsPerMetre
    return try DepthData(RawPath(argument: root), split: split, options: options)
  }
}
