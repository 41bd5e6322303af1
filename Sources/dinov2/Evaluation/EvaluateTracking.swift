import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import Foundation
import Imaging
import Telemetry

/// `dinov2 evaluate tracking`: label propagation over videos, as DAVIS measures it.
struct EvaluateTracking: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tracking",
    abstract: "Follow objects through videos by their patch tokens.",
    discussion: """
      Nothing is trained: each patch takes the labels of the most similar patches of the first frame, \
      whose mask is given, and of the last few frames. Measured are J, the overlap of regions, and F, \
      the agreement of contours, over all frames but the first and the last; J&F is the mean of both. \
      DIR is laid out as DAVIS (JPEGImages, Annotations, ImageSets) or as <video>/images and \
      <video>/masks. Labels of masks are palette indices or levels of grey; 255 is void.

      Example: dinov2 evaluate tracking --data DAVIS --model dinov2_vits14 --json
      """)

  @Option(
    help: ArgumentHelp("The folder of the videos.", valueName: "dir"), completion: .directory)
  var data: String

  @Option(help: "The split of a DAVIS folder: a list in ImageSets.")
  var split = "val"

  @Option(help: "The folder of the pictures' size in a DAVIS folder.")
  var resolution = "480p"

  @OptionGroup(title: "Tracking") var tracking: TrackingOptions

  @Option(help: "Draws of the bootstrap that give the 95 % intervals; 0 for none.")
  var bootstrap = 1000

  @Option(help: "The seed of every random draw.")
  var seed: UInt64 = 0

  @Flag(help: "Print one JSON object instead of a Markdown row.")
  var json = false

  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  func validate() throws {
    guard (0...1_000_000).contains(bootstrap) else {
      throw ValidationError("--bootstrap is \(bootstrap); expected 0 to 1000000.")
    }
  }

  func run() async throws {
    let set = try VideoSet(data, split: split, resolution: resolution)
    try check(set)
    let model = try await modelOptions.load()
    var report = EvaluationReport(
      protocol: "DAVIS 2017, semi-supervised: " + tracking.text, model: model)
    var evaluator = TrackingEvaluator()
    let frames = set.videos.reduce(0) { $0 + $1.frames.count }
    let progress = ProgressReporter.automatic(
      label: "tracking", total: frames, unit: .frames, json: false)
    defer { progress.stop() }
    let start = ContinuousClock.now
    for video in set.videos {
      try await track(video, model, &evaluator) { progress.advance() }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    progress.finish("tracking: \(set.videos.count) videos")
    add(evaluator, to: &report)
    report.add("videos", .integer(set.videos.count))
    report.add("objects", .integer(evaluator.objects.count))
    report.add("frames", .integer(frames))
    report.add("frames_per_second", .number((Double(frames) / seconds * 100).rounded() / 100))
    if json { addObjects(evaluator.objects, to: &report) }
    report.print(json: json)
  }

  /// Refuses videos that cannot be measured, before time is spent on the others.
  private func check(_ set: VideoSet) throws {
    for video in set.videos {
      let inner = video.frames.dropFirst().dropLast()
      guard inner.contains(where: { $0.mask != nil }) else {
        throw DataError.unusable(
          place: RawPath(video.name).displayName,
          problem: "of its \(video.frames.count) frames none between the first and the last has a "
            + "mask to compare with")
      }
    }
  }

  private func track(
    _ video: VideoSet.Video, _ model: DINOv2, _ evaluator: inout TrackingEvaluator,
    _ advance: () -> Void
  ) async throws {
    var tracker: FrameTracker?
    let decoded = OrderedPipeline(video.frames, threads: 1, ahead: 2) { frame in
      (image: try frame.image.decode(), mask: try frame.mask.map { try LabelFile.read($0) })
    }
    for await item in decoded {
      let frame = try item.result.get()
      let name = item.input.image.displayName
      if let mask = frame.mask, mask.size != frame.image.size {
        throw DataError.unusable(
          place: name, problem: "the frame is \(frame.image.size), its mask \(mask.size)")
      }
      if tracker == nil {
        guard let mask = frame.mask else { return }
        tracker = try await DataError.naming(name) {
          try await FrameTracker(model, first: frame.image, mask: mask, tracking.settings)
        }
        evaluator.begin(video.name, objects: mask.objects)
      } else {
        let found = try await DataError.naming(name) { try await tracker?.next(frame.image) }
        if let found, let mask = frame.mask, item.index < video.frames.count - 1 {
          try evaluator.add(found, truth: mask)
        }
      }
      advance()
    }
  }

  private func add(_ evaluator: TrackingEvaluator, to report: inout EvaluationReport) {
    let metrics = evaluator.metrics
    report.add("J&F", .number(metrics.meanOfBoth))
    if bootstrap > 0 {
      // Objects of one video are not independent: videos are drawn.
      let videos = Dictionary(grouping: evaluator.objects, by: \.video)
        .sorted { $0.key < $1.key }.map { $0.value.map(\.meanOfBoth) }
      let interval = ConfidenceInterval.bootstrap(
        of: videos.count, draws: bootstrap, seed: seed
      ) { drawn in
        let values = drawn.flatMap { videos[$0] }
        return values.reduce(0, +) / Double(values.count)
      }
      if let interval {
        report.add("J&F_ci95", .array([.number(interval.lower), .number(interval.upper)]))
      }
    }
    for (name, statistics) in [("J", metrics.region), ("F", metrics.contour)] {
      report.add("\(name)_mean", .number(statistics.mean))
      report.add("\(name)_recall", .number(statistics.recall))
      report.add("\(name)_decay", .number(statistics.decay))
    }
  }

  private func addObjects(
    _ objects: [TrackingEvaluator.Object], to report: inout EvaluationReport
  ) {
    report.add(
      "object_names",
      .array(objects.map { .string("\(RawPath($0.video).displayName)/\($0.label)") }))
    report.add("object_J", .array(objects.map { .number($0.region.mean) }))
    report.add("object_F", .array(objects.map { .number($0.contour.mean) }))
  }
}
