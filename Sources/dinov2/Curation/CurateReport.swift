import ArgumentParser
import DINOCuration
import Telemetry

/// `dinov2 curate report`: a page about a store.
struct CurateReport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Show what curation did, as one HTML file.",
    discussion: """
      Counts of every stage, distributions of similarities, duplicates, clusters, retrieved images and \
      outliers (too dark, blurred, tiny). The file holds its pictures and needs no network.

      Example: dinov2 curate report --store pool --output pool.html
      """)

  @OptionGroup var options: StoreOptions

  @Option(
    name: .shortAndLong, help: "The page (default: report.html in the store).", completion: .file())
  var output: String?

  @Option(help: "The heading.")
  var title = "Curated images"

  @Option(help: "Brightness (0 to 1) below which an image is too dark.")
  var dark = CurationReport.Limits().dark

  @Option(help: "Sharpness below which an image is blurred or empty.")
  var blurred = CurationReport.Limits().blurred

  @Option(help: "The shorter side below which an image is tiny, in pixels.")
  var tiny = CurationReport.Limits().tiny

  func run() throws {
    let (lock, store) = try options.open(for: "report")
    defer { withExtendedLifetime(lock) {} }
    let path = output ?? options.store + "/report.html"
    var report = try CurationReport(store)
    report.limits.dark = dark
    report.limits.blurred = blurred
    report.limits.tiny = tiny
    try report.write(title: title, to: path)
    if options.json {
      Console.print(
        JSONField.object([("store", .string(options.store)), ("report", .string(path))]))
    } else {
      Console.note(path)
    }
  }
}
