import DINOTestSupport
import Foundation
import Telemetry
import Testing

@Suite("Report")
struct ReportTests {
  private func body(_ report: Report) throws -> String {
    let html = report.html
    MarkupChecker.elements(html)
    let start = try #require(html.range(of: "<body>"))
    return String(html[start.upperBound...])
  }

  @Test("a page has its parts in order")
  func parts() throws {
    var plot = LinePlot(title: "Curve")
    plot.add("a", [1, 2])
    var report = Report(title: "Title", subtitle: "Below")
    report.footer = "Made today"
    report.begin("First")
    report.add("One.\n\nTwo `x < y`.")
    report.add(.keyFigures([KeyFigure("top-1", "83.1 %", detail: "before 41 %")]))
    report.add(.list(["a", "b"]))
    report.begin("Second")
    report.add(.table(ReportTable(columns: ["name", "value"], rows: [["a", "1.5"], ["b"]])))
    report.add(.figures([ReportFigure(.plot(plot), caption: "A curve")]))
    report.add(.code("dinov2 demo\n", caption: "Again:"))
    report.add(.note("Mind this."))

    let body = try body(report)
    let parts = [
      "<h1>Title</h1>", "Below", "<h2>First</h2>", "<p>One.</p>",
      "<p>Two <code>x &lt; y</code>.</p>", "<dt>top-1</dt><dd>83.1 %</dd>", "before 41 %",
      "<li>a</li>", "<h2>Second</h2>", #"<th scope="col">name</th>"#,
      #"<th scope="col" class="number">value</th>"#, #"<td class="number">1.5</td>"#,
      #"<tr><td>b</td><td class="number"></td></tr>"#, "<svg", "<figcaption>A curve</figcaption>",
      "<figcaption>Again:</figcaption><pre><code>dinov2 demo\n</code></pre>", "Mind this.",
      "<footer>Made today</footer>",
    ]
    var rest = body[...]
    for part in parts {
      let range = try #require(rest.range(of: part), "\(part) is missing or misplaced")
      rest = rest[range.upperBound...]
    }
    #expect(!body.contains("<nav"))
  }

  @Test("three sections get links, which lead to them")
  func contents() throws {
    var report = Report(title: "x")
    for title in ["A", "B & C", "D"] { report.begin(title) }

    let body = try body(report)
    for number in 1...3 {
      #expect(body.contains(##"<a href="#section-\##(number)">"##))
      #expect(body.contains(#"<section id="section-\#(number)">"#))
    }
    #expect(body.contains("B &amp; C</a>"))
  }

  @Test("nothing that a text holds becomes markup")
  func escaping() throws {
    let evil = #""><img src=x onerror=alert(1)><script>alert('`x`')</script>&amp;"#
    var plot = LinePlot(title: evil)
    plot.add(evil, [1, 2])
    var report = Report(title: evil, subtitle: evil)
    report.footer = evil
    report.begin(evil)
    report.add(evil)
    report.add(.list([evil]))
    report.add(.note(evil))
    report.add(.keyFigures([KeyFigure(evil, evil, detail: evil)]))
    report.add(.table(ReportTable(columns: [evil], rows: [[evil]], caption: evil)))
    report.add(.code(evil, caption: evil))
    report.add(.figures([ReportFigure(.plot(plot), caption: evil)]))
    report.add(.figures([ReportFigure(.png([1, 2]), caption: evil)]))

    let html = report.html
    let names = MarkupChecker.elements(html)
    #expect(!names.contains("script"))
    #expect(names.filter { $0 == "img" }.count == 1)
    #expect(!html.contains("<script") && !html.contains("<img src=x"))
  }

  @Test("pictures are part of the page, whose policy lets nothing else in")
  func pictures() throws {
    var report = Report(title: "x")
    report.add(
      .figures([
        ReportFigure(.png([0xFF, 0xFE, 0xFD]), caption: "a"),
        ReportFigure(.jpeg([1]), caption: "b"),
      ]))

    let html = report.html
    #expect(html.contains(#"<img src="data:image/png;base64,//79" alt="a">"#))
    #expect(html.contains(#"<img src="data:image/jpeg;base64,AQ==" alt="b">"#))
    #expect(html.contains("default-src 'none'; img-src data:; style-src 'unsafe-inline'"))
    // The name of SVG's vocabulary is the only address.
    let addresses = html.components(separatedBy: "http").dropFirst()
    #expect(
      addresses.allSatisfy { $0.hasPrefix("-equiv") || $0.hasPrefix("://www.w3.org/2000/svg") })
  }

  @Test("a column stands at the right only if all its cells are numbers")
  func columns() throws {
    var report = Report(title: "x")
    report.add(
      .table(
        ReportTable(
          columns: ["a", "b", "c", "d", "e"],
          rows: [
            ["1", "83.1 %", "224×224", "2-stage model", "–"], ["-2.5e-3", "≤ 4 ms", "1", "3", ""],
          ])))

    let headings = try body(report).components(separatedBy: "<th ").dropFirst()
      .map { $0.hasPrefix(#"scope="col" class="number""#) }
    #expect(headings == [true, true, true, false, false])
  }

  @Test("a lone backquote is a backquote")
  func backquote() throws {
    var report = Report(title: "x")
    report.add("a `b` c `d")

    #expect(try body(report).contains("<p>a <code>b</code> c `d</p>"))
  }

  @Test("writing replaces a file at one stroke, and a folder that is missing is an error")
  func writing() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("report.html", [1])
    let report = Report(title: "x")

    try report.write(to: path)

    #expect(try String(contentsOfFile: path, encoding: .utf8) == report.html)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["report.html"])
    let error = #expect(throws: TelemetryError.self) {
      try report.write(to: folder.file("none/report.html"))
    }
    #expect(error?.description.contains("\n") == false)
  }
}
