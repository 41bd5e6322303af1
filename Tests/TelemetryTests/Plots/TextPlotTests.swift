import Telemetry
import Testing

@Suite("TextPlot")
struct TextPlotTests {
  @Test("a rising line in ASCII")
  func ascii() {
    var plot = TextPlot(title: "rate", x: [0, 1, 2, 3], y: [0, 1, 2, 3])
    plot.size = (height: 4, width: 10)

    #expect(
      plot.rendered(usesUnicode: false) == """
        rate
        3 |        **
          |     ***
          |  ***
        0 |**
          +----------
           0        3
        """)
  }

  @Test("a rising line in braille: a dot per column, 2 × 4 a letter")
  func braille() {
    var plot = TextPlot(x: [0, 15], y: [0, 7])
    plot.size = (height: 2, width: 8)

    #expect(
      plot.rendered(usesUnicode: true) == """
        7 ┤⠀⠀⠀⠀⣀⠤⠒⠉
        0 ┤⣀⠤⠒⠉
          └────────
           0     15
        """)
  }

  @Test("values that cannot be shown leave a gap")
  func gaps() {
    var plot = TextPlot(x: [0, 1, 2, 3, 4, 5, 6, 7], y: [1, 1, .nan, .nan, .nan, .nan, 2, 2])
    plot.size = (height: 2, width: 8)

    #expect(
      plot.rendered(usesUnicode: false) == """
        2 |      **
        1 |**
          +--------
           0      7
        """)
  }

  @Test(
    "degenerate values make a plot of the right size",
    arguments: [[], [1], [.nan], [0, 0], [1e300, -1e300]] as [[Double]])
  func degenerate(values: [Double]) {
    let plot = TextPlot(x: values.indices.map(Double.init), y: values)
    for usesUnicode in [true, false] {
      let lines = plot.rendered(usesUnicode: usesUnicode).split(
        separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.count == 10)
    }
  }

  @Test("a title cannot move the cursor")
  func title() {
    let plot = TextPlot(title: "a\u{1B}[2Jb\nc", x: [0, 1], y: [0, 1])

    #expect(plot.rendered(usesUnicode: false).hasPrefix("a\u{FFFD}[2Jb\u{FFFD}c\n"))
  }

  @Test("a sparkline runs from the lowest to the highest letter")
  func sparkline() {
    let values = (0..<8).map(Double.init)
    #expect(Sparkline.text(values, width: 8, usesUnicode: true) == "▁▂▃▄▅▆▇█")
    #expect(Sparkline.text(values, width: 8, usesUnicode: false) == "_.-=+*%#")
    #expect(Sparkline.text(values, width: 4, usesUnicode: true) == "▁▃▆█")
    #expect(Sparkline.text([0, .nan, 1], width: 9, usesUnicode: true) == "▁ █")
    #expect(Sparkline.text([], width: 9, usesUnicode: true).isEmpty)
    #expect(Sparkline.text(values, width: 0, usesUnicode: true).isEmpty)
  }
}
