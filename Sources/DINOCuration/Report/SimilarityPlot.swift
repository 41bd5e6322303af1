internal import Imaging
internal import Telemetry

/// The distribution of similarities, as curves of a page and as a drawing.
struct SimilarityPlot {
  /// A distribution.
  struct Series {
    let name: String
    /// The counts of equal parts of [-1, 1].
    let counts: [Int]
  }

  /// A similarity that decides.
  struct Threshold {
    let name: String
    let similarity: Double
  }

  /// The distributions in the order of the legend.
  var series: [Series]
  /// What is counted.
  var unit = "pairs"
  /// The similarities that decide.
  var thresholds: [Threshold] = []

  /// The middle of each part.
  private static func places(_ counts: [Int]) -> [Double] {
    counts.indices.map { 2 * (Double($0) + 0.5) / Double(max(counts.count, 1)) - 1 }
  }

  /// The least similarity worth showing.
  private var start: Double {
    let first = series.compactMap { series in
      series.counts.firstIndex { $0 > 0 }.map { Self.places(series.counts)[$0] }
    }
    return min(max((first.min() ?? -1) - 0.05, -1), 0.9)
  }

  /// Curves for a page.
  var plot: LinePlot {
    var plot = LinePlot(xLabel: "cosine similarity", yLabel: "share of \(unit)")
    var top = 0.0
    for series in series {
      let counts = series.counts
      let total = Double(max(counts.reduce(0, +), 1))
      let shown = zip(Self.places(counts), counts).filter { $0.0 >= start }
      let shares = shown.map { Double($0.1) / total }
      top = max(top, shares.max() ?? 0)
      plot.add(series.name, x: shown.map(\.0), y: shares)
    }
    for threshold in thresholds {
      let similarity = threshold.similarity
      plot.add(threshold.name, x: [similarity, similarity], y: [0, top], isDashed: true)
    }
    return plot
  }

  /// Bars for a picture.
  func drawing(width: Int, height: Int) throws(ImageError) -> PixelBuffer {
    var image = try PixelBuffer(size: Size(height: height, width: width), fill: RGB(252, 252, 251))
    let (left, bottom, top) = (46, height - 34, 46)
    let span = 1 - start
    func column(_ similarity: Double) -> Int {
      left + Int(Double(width - left - 20) * (similarity - start) / span)
    }
    for (index, series) in series.enumerated() {
      let counts = series.counts
      let largest = Double(
        zip(Self.places(counts), counts).filter { $0.0 >= start }.map(\.1).max() ?? 1)
      let color = ColorMap.categorical(index + 1)
      for (place, count) in zip(Self.places(counts), counts) where place >= start && count > 0 {
        let half = 1 / Double(counts.count)
        let (from, to) = (column(place - half), max(column(place + half), column(place - half) + 1))
        let bar = Int(Double(bottom - top) * Double(count) / max(largest, 1))
        image.fillRectangle(
          Region(top: bottom - max(bar, 1), left: from, height: max(bar, 1), width: to - from),
          color: color, opacity: index == 0 ? 0.85 : 0.5)
      }
      image.drawText(
        series.name, top: 12, left: left + index * 260,
        style: TextStyle(scale: 1.4, color: color))
    }
    for tick in stride(from: -1.0, through: 1.0, by: 0.1) where tick >= start {
      let label = NumberFormat.fixed(tick, decimals: 1)
      image.drawText(
        label, top: bottom + 10, left: column(tick) - 10,
        style: TextStyle(scale: 1.2, color: RGB(70, 72, 78)))
    }
    for threshold in thresholds where threshold.similarity >= start {
      let place = column(threshold.similarity)
      image.fillRectangle(
        Region(top: top - 8, left: place, height: bottom - top + 8, width: 2),
        color: RGB(196, 40, 40))
      image.drawText(
        threshold.name, top: top - 8, left: place + 6,
        style: TextStyle(scale: 1.2, color: RGB(196, 40, 40)))
    }
    return image
  }
}
