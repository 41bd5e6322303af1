import ArgumentParser
import DINOData
import Telemetry

extension DataCommand {
  /// `dinov2 data check`: decodes all images and says what there is.
  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check",
      abstract: "Decode all images; count formats and sizes, list what cannot be used.",
      discussion: """
        Exits with 4 if more than a tenth of the images cannot be used: a training would refuse them too.

        Example: dinov2 data check photos/
        """)

    @Argument(help: "Folders, lists, patterns, tar shards or a dataset string.")
    var inputs: [String]

    @Option(help: "Threads that decode.")
    var threads = 2

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
      let images = try TrainingImages(inputs).references
      let progress = ProgressReporter.automatic(
        label: "check", total: images.count, unit: .images, json: json)
      let report = await DatasetCheck(threads: threads)(images) { progress.update(done: $0) }
      progress.finish()
      if json {
        try Console.printJSON(Summary(report))
      } else {
        print(report)
      }
      guard report.bad.count * 10 <= report.imageCount else {
        throw DataError.unusable(
          place: inputs.joined(separator: " "),
          problem: "\(report.bad.count) of \(report.imageCount) images cannot be used")
      }
    }

    private func print(_ report: DatasetCheck.Report) {
      var table = TextTable([.left("what"), .right("images")])
      table.append(["usable", NumberFormat.grouped(report.usableCount)])
      table.append(["not usable", NumberFormat.grouped(report.bad.count)])
      for (format, count) in report.formats.sorted(by: { $0.value > $1.value }) {
        table.append(["\(format)", NumberFormat.grouped(count)])
      }
      let edges = DatasetCheck.Report.shorterSides
      for (index, count) in report.sizes.enumerated() where count > 0 {
        let end = index + 1 < edges.count ? "to \(edges[index + 1] - 1)" : "or more"
        table.append(["shorter side \(edges[index]) \(end)", NumberFormat.grouped(count)])
      }
      Console.print("\(table)")
      for image in report.bad { Console.print("not usable: \(image.reason)") }
    }

    /// The report as an object.
    private struct Summary: Encodable {
      let images: Int
      let usable: Int
      let formats: [String: Int]
      let encodedBytes: Int
      let decodedBytes: Int
      let bad: [Bad]

      struct Bad: Encodable {
        let path: String
        let reason: String
      }

      init(_ report: DatasetCheck.Report) {
        images = report.imageCount
        usable = report.usableCount
        formats = Dictionary(
          report.formats.map { ("\($0.key)", $0.value) }, uniquingKeysWith: { $0 + $1 })
        encodedBytes = report.encodedBytes
        decodedBytes = report.decodedBytes
        bad = report.bad.map { Bad(path: $0.path, reason: $0.reason) }
      }
    }
  }
}
