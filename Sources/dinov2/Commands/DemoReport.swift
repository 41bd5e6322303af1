import Foundation
import Imaging
import Telemetry

/// The page that the demo writes.
struct DemoReport {
  /// What was run, as a user would type it.
  var commands: [String] = []
  private let folder: String
  private let model: String?
  private var report: Report

  init(folder: String, model: String?) {
    self.folder = folder
    self.model = model
    report = Report(
      title: "DINOv2 on this machine",
      subtitle: "A model that teaches itself, and what a network sees in images")
  }

  /// Tells how the tiny model was trained and what it has learned.
  mutating func addTraining(run: String, views: String, steps: Int, images: Int) throws {
    let metrics = try Metrics(path: "\(run)/metrics.jsonl")
    let accuracies = metrics.series("knn_top1")
    let (first, last) = (accuracies.y.first ?? 0, accuracies.y.last ?? 0)
    report.begin("Learning without labels")
    report.add(
      """
      \(images) rendered scenes, no labels. A student sees crops of an image, small ones and large ones with \
      hidden patches; it learns to say what a teacher, its own running mean, says about the other crops.

      Does it learn? The labels are used for this question only: the nearest neighbours of each held-out \
      scene among the training scenes vote for its class. Guessing would be right in 7.1 % of 14 classes.
      """)
    report.add(
      .keyFigures([
        KeyFigure("k-NN before", Self.percent(first), detail: "random weights"),
        KeyFigure("k-NN after", Self.percent(last), detail: "\(steps) steps"),
        KeyFigure(
          "speed", "\(Int(metrics.series("images_per_s").y.last ?? 0)) images/s",
          detail: "10 crops would be usual; these are 6 small ones"),
      ]))
    var loss = LinePlot(title: "Loss", xLabel: "iteration", yLabel: "nats")
    for (name, key) in [
      ("total", "total_loss"), ("class tokens", "dino_local_crops_loss"), ("patches", "ibot_loss"),
    ] {
      let values = metrics.series(key)
      loss.add(name, x: values.x, y: values.y)
    }
    var neighbours = LinePlot(title: "Nearest neighbours", xLabel: "iteration", yLabel: "top-1")
    neighbours.add("held-out scenes", x: accuracies.x, y: accuracies.y)
    neighbours.add(
      "guessing", x: accuracies.x, y: accuracies.x.map { _ in 1.0 / 14 }, isDashed: true)
    report.add(
      .figures([
        ReportFigure(
          .plot(neighbours), caption: "The share of held-out scenes that are recognised."),
        ReportFigure(.plot(loss), caption: "The losses; they fall as teacher and student agree."),
      ]))
    report.add(
      .figures([
        ReportFigure(
          .png(try Self.bytes(views)),
          caption: "What the student sees: crops with changed colours, and masked patches.")
      ]))
  }

  /// Shows the pictures of a network.
  mutating func addPictures(pca: String, attention: String, match: String) throws {
    report.begin("What a network sees")
    let network =
      model.map { "`\($0)`" }
      ?? "the small one that comes with the program, trained by it on a few thousand images. Meta's models see "
      + "far more: run the demo with --model and --weights"
    report.add("The network: \(network).")
    report.add(
      .figures([
        ReportFigure(
          .png(try Self.bytes(pca)),
          caption: "Principal components of the patch tokens of all images together, as colours.")
      ]))
    report.add(
      .figures([
        ReportFigure(
          .png(try Self.bytes(attention)), caption: "What the class token attends to, by head."),
        ReportFigure(
          .png(try Self.bytes(match)), caption: "Patches of two images that are most alike."),
      ]))
  }

  /// Shows what the heads that come along reach and say.
  mutating func addHeads(
    _ measures: DemoHeads.Measures, scenes: PixelBuffer, photos: PixelBuffer?
  ) throws {
    report.begin("Heads on frozen features")
    report.add(
      """
      The small model that comes along was never told what is in an image, and its weights stay as they \
      are. On its patch tokens three small heads were trained, each in minutes, on 500 rendered scenes with \
      14 kinds of objects: a class for each pixel, a distance for each pixel, boxes. Measured on \
      \(measures.images) scenes that neither model nor heads have seen:
      """)
    report.add(
      .keyFigures([
        KeyFigure(
          "segmentation", Self.percent(measures.mIoU), detail: "mIoU of 14 classes and background"),
        KeyFigure(
          "depth", Self.metres(measures.rmse),
          detail: "RMSE; one distance for every pixel: \(Self.metres(measures.rmseOfMedian))"),
        KeyFigure(
          "depth", Self.percent(measures.delta1), detail: "of the pixels right within a quarter"),
        KeyFigure("boxes", Self.percent(measures.ap50), detail: "average precision at overlap 0.5"),
      ]))
    let columns = "From the left: image, boxes, classes, distance from near (blue) to far (red)."
    report.add(.figures([ReportFigure(.png(try Self.png(scenes)), caption: columns)]))
    guard let photos else { return }
    report.add(
      """
      The heads know rendered scenes only. On photographs they go on naming the kinds of objects that they \
      know: names, boxes and distances are wrong there, at best an outline carries over. For photographs, \
      train heads on images like them: `dinov2 head train`.
      """)
    report.add(.figures([ReportFigure(.png(try Self.png(photos)), caption: columns)]))
  }

  /// Writes the page.
  func write() throws {
    var page = report
    page.begin("Do it yourself")
    page.add(.code(commands.joined(separator: "\n"), caption: "What was run"))
    try page.write(to: "\(folder)/report.html")
  }

  private static func percent(_ share: Double) -> String {
    NumberFormat.fixed(100 * share, decimals: 1) + " %"
  }

  private static func metres(_ value: Double) -> String {
    NumberFormat.fixed(value, decimals: 2) + " m"
  }

  private static func png(_ picture: PixelBuffer) throws -> [UInt8] {
    try ImageEncoder().encode(picture, as: .png)
  }

  private static func bytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

/// The lines of a metrics file.
private struct Metrics {
  private let lines: [[String: Double]]

  init(path: String) throws {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let decoder = JSONDecoder()
    lines = try text.split(separator: "\n").map {
      try decoder.decode([String: Double?].self, from: Data($0.utf8)).compactMapValues(\.self)
    }
  }

  /// The values of a key and the iterations that have one.
  func series(_ key: String) -> (x: [Double], y: [Double]) {
    let found = lines.compactMap { line in
      line[key].flatMap { value in line["iteration"].map { ($0, value) } }
    }
    return (found.map(\.0), found.map(\.1))
  }
}
