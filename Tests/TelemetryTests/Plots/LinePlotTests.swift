import Foundation
import Telemetry
import Testing

@Suite("LinePlot")
struct LinePlotTests {
  /// The coordinates of the curves: the paths that have a colour.
  private func curves(_ svg: String) -> [[(command: Character, x: Double, y: Double)]] {
    svg.split(separator: "\n").filter {
      $0.contains("<path") && $0.contains("stroke=\"#") && !$0.contains("h18")
    }
    .map { line in
      let path = line.split(separator: "\"")[1]
      var points: [(command: Character, x: Double, y: Double)] = []
      var command: Character = "M"
      for part in path.split(
        omittingEmptySubsequences: false, whereSeparator: { "ML".contains($0) }
      )
      .dropFirst() {
        let start = part.startIndex
        command = path[path.index(before: start)]
        let numbers = part.split(separator: " ").compactMap { Double($0) }
        points.append((command, numbers[0], numbers[1]))
      }
      return points
    }
  }

  @Test("a curve runs through its points from the lower left to the upper right")
  func shape() throws {
    var plot = LinePlot(title: "Loss", xLabel: "iteration", yLabel: "nats")
    plot.add("total", x: [0, 50, 100], y: [0, 5, 10])

    let svg = plot.svg
    MarkupChecker.elements(svg)
    let curve = try #require(curves(svg).first)
    #expect(curve.map(\.command) == ["M", "L", "L"])
    #expect(curve[0].x < curve[1].x && curve[1].x < curve[2].x)
    #expect(curve[0].y > curve[1].y && curve[1].y > curve[2].y)
    #expect(abs(curve[1].y - (curve[0].y + curve[2].y) / 2) < 0.11)
    #expect(curve[2].x < 640 && curve[0].y < 340 && curve[2].y > 0)
    for text in ["Loss", "iteration", "nats", "total", ">10<", ">100<"] {
      #expect(svg.contains(text))
    }
  }

  @Test("a value that cannot be shown interrupts the line, and a lone point is a dot")
  func gaps() throws {
    var plot = LinePlot()
    plot.add("x", [1, 2, .nan, 3, .infinity, 4, 5])
    let svg = plot.svg

    #expect(try #require(curves(svg).first).map(\.command) == ["M", "L", "M", "L"])
    #expect(MarkupChecker.elements(svg).filter { $0 == "circle" }.count == 1)
    #expect(!svg.contains("nan") && !svg.contains("inf"))
  }

  @Test("a logarithmic axis leaves out what is not positive and makes ratios equal")
  func logarithmic() throws {
    var plot = LinePlot()
    plot.yScale = .logarithmic
    plot.add("x", [1, 10, 100, 0])

    let curve = try #require(curves(plot.svg).first)
    #expect(curve.count == 3)
    #expect(abs((curve[0].y - curve[1].y) - (curve[1].y - curve[2].y)) < 0.11)
  }

  @Test("a curve of very many points stays small and keeps its peak")
  func thinning() throws {
    var values = (0..<200_000).map { sin(Double($0) / 20_000) }
    values[123_456] = 9
    var plot = LinePlot()
    plot.add("x", values)

    let svg = plot.svg
    #expect(svg.utf8.count < 60_000)
    let curve = try #require(curves(svg).first)
    let top = try #require(curve.map(\.y).min())
    #expect(curve.filter { $0.y == top }.count == 1)
    #expect(zip(curve, curve.dropFirst()).allSatisfy { $0.x <= $1.x })
  }

  @Test("texts cannot break out of the picture")
  func escaping() {
    let evil = #"</text><script>alert("x")</script>&'"# + "\u{0}"
    var plot = LinePlot(title: evil, xLabel: evil, yLabel: evil)
    plot.add(evil, [1, 2])

    let names = Set(MarkupChecker.elements(plot.svg))
    #expect(names == ["svg", "title", "text", "path"])
    #expect(!plot.svg.contains("\u{0}"))
  }

  @Test("many curves differ in colour or dashes, and a plot of none is a picture too")
  func manyAndNone() {
    var plot = LinePlot()
    MarkupChecker.elements(plot.svg)
    for index in 0..<16 { plot.add("curve number \(index)", [0, Double(index)]) }

    let svg = plot.svg
    MarkupChecker.elements(svg)
    let strokes = svg.split(separator: "\n").filter { $0.contains("<path") && $0.contains("h18") }
      .map { $0.drop { $0 != "h" } }
    #expect(strokes.count == 16)
    #expect(Set(strokes).count == 16)
  }

  @Test("sizes that are too small are raised")
  func tiny() {
    var plot = LinePlot(title: "x", xLabel: "x", yLabel: "y")
    plot.size = (height: 0, width: -5)
    plot.add("a", [1, 2, 3])

    MarkupChecker.elements(plot.svg)
    #expect(plot.svg.contains(#"viewBox="0 0 160 120""#))
  }
}
