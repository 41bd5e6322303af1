/// Lays a plot out and writes its SVG.
struct LinePlotDrawing {
  /// Colours with a contrast of about 3 or more on white and on near black.
  private static let colours = [
    "#3b82d6", "#dd6b20", "#2f9e68", "#b159c7", "#b8860b", "#d9467a", "#1f9fb3", "#808080",
  ]
  private static let fontSize = 13.0
  /// The mean width of a letter of common sans-serif fonts, as a share of the font's size.
  private static let letterWidth = 0.58

  private let plot: LinePlot
  private let xAxis: PlotAxis
  private let yAxis: PlotAxis
  private let xTicks: [PlotAxis.Tick]
  private let yTicks: [PlotAxis.Tick]
  private let legend: [(series: Int, x: Double, row: Int)]
  private let left: Double
  private let top: Double
  private let width: Double
  private let height: Double

  init(_ plot: LinePlot) {
    self.plot = plot
    let size = (
      height: Double(max(plot.size.height, 120)), width: Double(max(plot.size.width, 160))
    )
    let yCount = max(Int(size.height / 60), 2)
    xAxis = PlotAxis(holding: plot.series.lazy.flatMap(\.x), scale: plot.xScale)
    // Only what can be drawn counts: a value without a position makes no room.
    yAxis = PlotAxis(holding: plot.series.lazy.flatMap(\.y), scale: plot.yScale)
      .extendedToTicks(about: yCount)
    yTicks = yAxis.ticks(about: yCount)
    let widest = yTicks.map { Self.textWidth($0.label) }.max() ?? 0
    left = widest + 14 + (plot.yLabel.isEmpty ? 0 : 20)
    width = max(size.width - left - 18, 40)
    xTicks = xAxis.ticks(about: max(Int(width / 90), 2))
    legend = Self.legend(plot.series.map(\.name), from: left, to: size.width - 18)
    let rows = (legend.last?.row ?? -1) + 1
    top = 10 + (plot.title.isEmpty ? 0 : 24) + Double(rows) * 20 + (rows > 0 ? 6 : 0)
    let bottom = 28 + (plot.xLabel.isEmpty ? 0 : 18.0)
    height = max(size.height - top - bottom, 40)
  }

  private static func textWidth(_ text: String) -> Double {
    Double(text.displayWidth) * fontSize * letterWidth
  }

  /// Where the entries of the legend begin; a plot of one nameless curve has none.
  private static func legend(
    _ names: [String], from left: Double, to right: Double
  ) -> [(series: Int, x: Double, row: Int)] {
    var entries: [(series: Int, x: Double, row: Int)] = []
    var x = left
    var row = 0
    for (index, name) in names.enumerated() where !name.isEmpty {
      let width = 26 + textWidth(name) + 16
      if x + width > right + 16, x > left {
        x = left
        row += 1
      }
      entries.append((index, x, row))
      x += width
    }
    return entries
  }

  var svg: String {
    let total = (height: max(plot.size.height, 120), width: max(plot.size.width, 160))
    let name = plot.title.isEmpty ? "plot" : plot.title.escapedForMarkup
    var parts = [
      #"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \#(total.width) \#(total.height)""#
        + #" width="\#(total.width)" height="\#(total.height)" role="img" aria-label="\#(name)""#
        + #" color="rgb(119,119,119)" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif""#
        + #" font-size="\#(Self.number(Self.fontSize))" fill="currentColor">"#,
      "<title>\(name)</title>",
    ]
    parts += heading
    parts += grid
    for index in plot.series.indices { parts += curve(index) }
    parts += legendEntries
    parts.append("</svg>")
    return parts.joined(separator: "\n")
  }

  private var heading: [String] {
    var parts: [String] = []
    if !plot.title.isEmpty {
      parts.append(text(plot.title, x: left, y: 22, extra: #" font-size="15" font-weight="600""#))
    }
    if !plot.xLabel.isEmpty {
      let y = top + height + 40
      parts.append(text(plot.xLabel, x: left + width / 2, y: y, extra: #" text-anchor="middle""#))
    }
    if !plot.yLabel.isEmpty {
      let y = top + height / 2
      parts.append(
        text(
          plot.yLabel, x: 14, y: y,
          extra: #" text-anchor="middle" transform="rotate(-90 14 \#(Self.number(y)))""#))
    }
    return parts
  }

  private var grid: [String] {
    var parts: [String] = []
    for tick in yTicks {
      guard let y = y(of: tick.value) else { continue }
      parts.append(line(from: (left, y), to: (left + width, y), opacity: 0.22))
      parts.append(text(tick.label, x: left - 8, y: y + 4, extra: #" text-anchor="end""#))
    }
    for tick in xTicks {
      guard let x = x(of: tick.value) else { continue }
      parts.append(line(from: (x, top + height), to: (x, top + height + 5), opacity: 0.6))
      parts.append(text(tick.label, x: x, y: top + height + 20, extra: #" text-anchor="middle""#))
    }
    let floor = top + height
    parts.append(line(from: (left, floor), to: (left + width, floor), opacity: 0.6))
    return parts
  }

  private var legendEntries: [String] {
    legend.flatMap { entry -> [String] in
      let y = 16 + (plot.title.isEmpty ? 0 : 24) + Double(entry.row) * 20
      let series = plot.series[entry.series]
      return [
        #"<path d="M\#(Self.number(entry.x)) \#(Self.number(y))h18" \#(stroke(entry.series))/>"#,
        text(series.name, x: entry.x + 26, y: y + 4),
      ]
    }
  }

  private func curve(_ index: Int) -> [String] {
    let series = plot.series[index]
    var parts: [String] = []
    var path = ""
    for run in runs(of: series) {
      if run.count == 1 {
        let colour = Self.colours[index % Self.colours.count]
        parts.append(
          #"<circle cx="\#(Self.number(run[0].x))" cy="\#(Self.number(run[0].y))" r="3" "#
            + #"fill="\#(colour)"/>"#)
      } else {
        path += "M" + run.map { "\(Self.number($0.x)) \(Self.number($0.y))" }.joined(separator: "L")
      }
    }
    if !path.isEmpty { parts.append(#"<path d="\#(path)" \#(stroke(index))/>"#) }
    return parts
  }

  /// The uninterrupted parts of a curve in pixels, thinned to what a picture of this width can show.
  private func runs(of series: LinePlot.Series) -> [[(x: Double, y: Double)]] {
    var runs: [[(x: Double, y: Double)]] = []
    var current: [(x: Double, y: Double)] = []
    for (x, y) in zip(series.x, series.y) {
      if let x = self.x(of: x), let y = self.y(of: y) {
        current.append((x, y))
      } else if !current.isEmpty {
        runs.append(PlotThinning.thinned(current))
        current = []
      }
    }
    if !current.isEmpty { runs.append(PlotThinning.thinned(current)) }
    return runs
  }

  private func x(of value: Double) -> Double? { xAxis.place(of: value).map { left + $0 * width } }

  private func y(of value: Double) -> Double? {
    yAxis.place(of: value).map { top + (1 - $0) * height }
  }

  private func stroke(_ index: Int) -> String {
    // Beyond the last colour they begin again, dashed.
    let isDashed = plot.series[index].isDashed != (index / Self.colours.count % 2 == 1)
    return #"fill="none" stroke="\#(Self.colours[index % Self.colours.count])" stroke-width="1.8""#
      + #" stroke-linejoin="round" stroke-linecap="round""#
      + (isDashed ? #" stroke-dasharray="6 5""# : "")
  }

  private func line(
    from start: (Double, Double), to end: (Double, Double), opacity: Double
  ) -> String {
    #"<path d="M\#(Self.number(start.0)) \#(Self.number(start.1))L\#(Self.number(end.0)) "#
      + #"\#(Self.number(end.1))" stroke="currentColor" stroke-opacity="\#(opacity)"/>"#
  }

  private func text(_ text: String, x: Double, y: Double, extra: String = "") -> String {
    #"<text x="\#(Self.number(x))" y="\#(Self.number(y))"\#(extra)>"#
      + "\(text.escapedForMarkup)</text>"
  }

  private static func number(_ value: Double) -> String {
    let text = NumberFormat.fixed(value, decimals: 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
