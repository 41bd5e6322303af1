internal import Foundation

/// Writes the HTML of a report.
struct ReportPage {
  private let report: Report

  init(_ report: Report) { self.report = report }

  var html: String {
    let title = report.title.escapedForMarkup
    var parts = [
      "<!DOCTYPE html>",
      #"<html lang="en">"#,
      "<head>",
      #"<meta charset="utf-8">"#,
      #"<meta name="viewport" content="width=device-width, initial-scale=1">"#,
      #"<meta name="color-scheme" content="light dark">"#,
      // Whatever a text may smuggle in: nothing is loaded and no script runs.
      #"<meta http-equiv="Content-Security-Policy" "#
        + #"content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">"#,
      "<title>\(title)</title>",
      "<style>\n\(ReportStyle.css)</style>",
      "</head>",
      "<body>",
      "<header>",
      "<h1>\(title)</h1>",
    ]
    if !report.subtitle.isEmpty {
      parts.append(#"<p class="subtitle">\#(Self.inline(report.subtitle))</p>"#)
    }
    parts.append("</header>")
    parts += contents
    parts.append("<main>")
    for (index, section) in report.sections.enumerated() {
      parts.append(#"<section id="\#(Self.anchor(index))">"#)
      if !section.title.isEmpty { parts.append("<h2>\(section.title.escapedForMarkup)</h2>") }
      parts += section.blocks.map(Self.block)
      parts.append("</section>")
    }
    parts.append("</main>")
    if !report.footer.isEmpty {
      parts.append("<footer>\(Self.inline(report.footer))</footer>")
    }
    parts += ["</body>", "</html>", ""]
    return parts.joined(separator: "\n")
  }

  /// Links to the sections, if there are so many that one would look for them.
  private var contents: [String] {
    let titled = report.sections.enumerated().filter { !$0.element.title.isEmpty }
    guard titled.count >= 3 else { return [] }
    let links = titled.map { index, section in
      ##"<a href="#\##(Self.anchor(index))">\##(section.title.escapedForMarkup)</a>"##
    }
    return [#"<nav aria-label="Contents">"#] + links + ["</nav>"]
  }

  private static func anchor(_ index: Int) -> String { "section-\(index + 1)" }

  private static func block(_ block: ReportBlock) -> String {
    switch block {
    case .text(let text):
      return paragraphs(text)
    case .list(let items):
      return "<ul>\n" + items.map { "<li>\(inline($0))</li>\n" }.joined() + "</ul>"
    case .note(let text):
      return #"<aside class="note">\#(paragraphs(text))</aside>"#
    case .keyFigures(let figures):
      return #"<dl class="key-figures">"# + "\n" + figures.map(keyFigure).joined() + "</dl>"
    case .table(let table):
      return self.table(table)
    case .figures(let figures):
      let name = figures.count == 1 ? "figures single" : "figures"
      return #"<div class="\#(name)">"# + "\n" + figures.map(figure).joined() + "</div>"
    case .code(let code, let caption):
      let heading = caption.isEmpty ? "" : "<figcaption>\(inline(caption))</figcaption>"
      return #"<figure class="code">\#(heading)<pre><code>\#(code.escapedForMarkup)</code></pre>"#
        + "</figure>"
    }
  }

  private static func keyFigure(_ figure: KeyFigure) -> String {
    let detail =
      figure.detail.isEmpty ? "" : #"<dd class="detail">\#(inline(figure.detail))</dd>"#
    return "<div><dt>\(inline(figure.label))</dt><dd>\(inline(figure.value))</dd>\(detail)</div>\n"
  }

  private static func table(_ table: ReportTable) -> String {
    let classes = table.columns.indices.map { table.isNumeric($0) ? #" class="number""# : "" }
    var parts = [#"<div class="table" tabindex="0">"#, "<table>"]
    if !table.caption.isEmpty { parts.append("<caption>\(inline(table.caption))</caption>") }
    let headings = zip(table.columns, classes).map { heading, name in
      #"<th scope="col"\#(name)>\#(inline(heading))</th>"#
    }
    parts.append("<thead><tr>\(headings.joined())</tr></thead>")
    parts.append("<tbody>")
    for row in table.rows {
      let cells = classes.enumerated().map { column, name in
        "<td\(name)>\(row.indices.contains(column) ? inline(row[column]) : "")</td>"
      }
      parts.append("<tr>\(cells.joined())</tr>")
    }
    parts += ["</tbody>", "</table>", "</div>"]
    return parts.joined(separator: "\n")
  }

  private static func figure(_ figure: ReportFigure) -> String {
    let picture =
      switch figure.picture {
      case .png(let bytes): image(bytes, type: "image/png", alt: figure.caption)
      case .jpeg(let bytes): image(bytes, type: "image/jpeg", alt: figure.caption)
      case .plot(let plot): plot.svg
      }
    let caption =
      figure.caption.isEmpty ? "" : "\n<figcaption>\(inline(figure.caption))</figcaption>"
    return "<figure>\(picture)\(caption)</figure>\n"
  }

  private static func image(_ bytes: [UInt8], type: String, alt: String) -> String {
    let data = Data(bytes).base64EncodedString()
    return #"<img src="data:\#(type);base64,\#(data)" alt="\#(alt.escapedForMarkup)">"#
  }

  /// Paragraphs of a text, which empty lines separate.
  private static func paragraphs(_ text: String) -> String {
    var paragraphs: [[Substring]] = [[]]
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.allSatisfy(\.isWhitespace) {
        paragraphs.append([])
      } else {
        paragraphs[paragraphs.count - 1].append(line)
      }
    }
    return paragraphs.filter { !$0.isEmpty }
      .map { "<p>\(inline($0.joined(separator: "\n")))</p>" }
      .joined(separator: "\n")
  }

  /// A text in which every other part between backquotes is code.
  private static func inline(_ text: String) -> String {
    let parts = text.split(separator: "`", omittingEmptySubsequences: false)
    var result = ""
    for (index, part) in parts.enumerated() {
      let escaped = String(part).escapedForMarkup
      if index.isMultiple(of: 2) {
        result += escaped
      } else if index == parts.count - 1 {
        result += "`" + escaped  // a backquote without its other half
      } else {
        result += "<code>\(escaped)</code>"
      }
    }
    return result
  }
}
