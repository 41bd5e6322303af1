import ArgumentParser
import DINOData
import DINOEvaluation
import Foundation
import Telemetry

/// `dinov2 evaluate copydetection`: altered copies among other images.
struct EvaluateCopyDetection: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "copydetection",
    abstract: "Tell altered copies of an image from other images.",
    discussion: """
      Every pair of images is scored by the cosine of descriptors. micro_AP is the average precision over \
      all pairs together, with one threshold for all; recall@P90 is the share of pairs found where 90 % \
      of those above the threshold are right, threshold@P90 that threshold. mAP takes each image with \
      copies as a query among all others, mAP_original only the unaltered ones. For each transform, \
      recall@P90_TRANSFORM is the share of its images whose original is above the threshold.

      DIR holds groups.tsv with the columns file, group and transform: files of one group are copies.

      Example: dinov2 evaluate copydetection --data near-duplicates --model dinov2_vits14 --json
      """)

  @Option(
    help: ArgumentHelp("The folder with groups.tsv.", valueName: "dir"), completion: .directory)
  var data: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Further images that are copies of none.", valueName: "input"),
    completion: .file())
  var distractors: [String] = []

  @OptionGroup var options: RetrievalOptions

  /// The precision at which the threshold is taken; that of the image similarity challenge.
  private static let precision = 0.9

  func run() async throws {
    var set = try CopyDetectionSet(folder: RawPath(argument: data))
    if !distractors.isEmpty {
      set = set.adding(
        distractors: try ImageInputs(distractors.map { RawPath(argument: $0) }).references)
    }
    guard set.images.count <= CopyDetectionMeasurement.mostImages else {
      throw UsageError(
        "\(set.images.count) images; at most \(CopyDetectionMeasurement.mostImages) are compared "
          + "pairwise: take fewer --distractors")
    }
    let searched = set.images.map { RetrievalSet.Item($0) }
    let describer = try await options.describer(of: searched)
    var report = EvaluationReport(
      protocol: "all pairs of \(set.images.count) images by cosine, " + options.text(describer),
      model: describer.model)
    var images = try await options.describe(searched, "images", by: describer)
    images = try await options.whitened([images], by: describer)[0]
    let measurement = try CopyDetectionMeasurement(set, images, cuts: options.chosenCuts)
    add(measurement, to: &report)
    report.add("images", .integer(images.items.count))
    report.add("pairs", .integer(measurement.copyCount))
    report.add("left_out", .integer(images.failures.count))
    report.addSeconds()
    report.print(json: options.json)
  }

  private func add(_ measurement: CopyDetectionMeasurement, to report: inout EvaluationReport) {
    report.add("micro_AP", .number(measurement.pairs.averagePrecision))
    report.add(measurement.queries, named: "", options)
    if !measurement.originals.queries.isEmpty {
      report.add("mAP_original", .number(measurement.originals.mAP))
    }
    guard let point = measurement.pairs.point(atPrecision: Self.precision) else { return }
    report.add("recall@P90", .number(point.recall))
    report.add("threshold@P90", .number(Double(point.threshold)))
    for (transform, scores) in measurement.similarityToOriginal.sorted(by: { $0.key < $1.key })
    where !transform.isEmpty {
      let found = scores.count { $0 >= point.threshold }
      report.add("recall@P90_\(transform)", .number(Double(found) / Double(scores.count)))
    }
  }
}
