internal import Foundation

/// A page of results: one file that holds its styles and pictures and that any browser shows without a
/// network.
///
///     var report = Report(title: "Pretraining on 5,000 photos", subtitle: "ViT-S/14, 20,000 steps")
///     report.begin("Result")
///     report.add(.keyFigures([KeyFigure("k-NN top-1", "83.1 %", detail: "before: 41.0 %")]))
///     report.add(.figures([ReportFigure(.plot(plot), caption: "Loss")]))
///     try report.write(to: "report.html")
///
/// All texts are escaped; the page holds no script and forbids any.
public struct Report: Sendable {
  struct Section: Sendable {
    var title: String
    var blocks: [ReportBlock] = []
  }

  /// The heading.
  public var title: String
  /// The line below it; empty for none.
  public var subtitle: String
  /// The last line of the page; empty for none.
  public var footer = ""
  private(set) var sections: [Section] = []

  /// Creates a report without sections.
  ///
  /// - Parameters:
  ///   - title: The heading.
  ///   - subtitle: The line below it; empty for none.
  public init(title: String, subtitle: String = "") {
    self.title = title
    self.subtitle = subtitle
  }

  /// Begins a section.
  ///
  /// - Parameter title: Its heading.
  public mutating func begin(_ title: String) { sections.append(Section(title: title)) }

  /// Adds to the present section; what comes before the first one has no heading.
  ///
  /// - Parameter block: What to add.
  public mutating func add(_ block: ReportBlock) {
    if sections.isEmpty { sections.append(Section(title: "")) }
    sections[sections.count - 1].blocks.append(block)
  }

  /// Adds paragraphs to the present section.
  ///
  /// - Parameter text: The paragraphs, separated by empty lines.
  public mutating func add(_ text: String) { add(.text(text)) }

  /// The page.
  public var html: String { ReportPage(self).html }

  /// Writes the page to a file, which is replaced at one stroke.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``TelemetryError/file(path:problem:)`` if it cannot be written.
  public func write(to path: String) throws(TelemetryError) {
    do {
      try Data(html.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw .file(path: path, problem: "the report cannot be written: \(error)".onOneLine)
    }
  }
}
