/// Curves over a common axis, drawn as SVG.
///
///     var plot = LinePlot(title: "Loss", xLabel: "iteration", yLabel: "nats")
///     plot.add("total", x: iterations, y: losses)
///     let svg = plot.svg
///
/// Text has the colour of the page (`currentColor`) and lines have colours that stand out on white and on
/// black, so that one picture does for both. No font is loaded.
public struct LinePlot: Sendable {
  /// One curve.
  public struct Series: Sendable {
    /// The name in the legend.
    public var name: String
    /// The horizontal positions.
    public var x: [Double]
    /// The values; the line is interrupted at those that cannot be shown.
    public var y: [Double]
    /// Whether the line is dashed.
    public var isDashed: Bool
  }

  /// The heading; empty for none.
  public var title: String
  /// What the horizontal axis shows.
  public var xLabel: String
  /// What the vertical axis shows.
  public var yLabel: String
  /// How values are laid along the horizontal axis.
  public var xScale = PlotScale.linear
  /// How values are laid along the vertical axis.
  public var yScale = PlotScale.linear
  /// The size in pixels of the picture at its natural size.
  public var size = (height: 340, width: 640)
  /// The curves, in the order of the legend.
  public private(set) var series: [Series] = []

  /// Creates a plot without curves.
  ///
  /// - Parameters:
  ///   - title: The heading.
  ///   - xLabel: What the horizontal axis shows.
  ///   - yLabel: What the vertical axis shows.
  public init(title: String = "", xLabel: String = "", yLabel: String = "") {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
  }

  /// Adds a curve.
  ///
  /// - Parameters:
  ///   - name: The name in the legend.
  ///   - x: The horizontal positions; those beyond the number of values do not count.
  ///   - y: The values.
  ///   - isDashed: Whether the line is dashed, for example for a target.
  public mutating func add(_ name: String, x: [Double], y: [Double], isDashed: Bool = false) {
    let count = min(x.count, y.count)
    series.append(
      Series(
        name: name, x: Array(x.prefix(count)), y: Array(y.prefix(count)), isDashed: isDashed))
  }

  /// Adds a curve over the positions 0, 1, 2 and so on.
  ///
  /// - Parameters:
  ///   - name: The name in the legend.
  ///   - values: The values.
  ///   - isDashed: Whether the line is dashed.
  public mutating func add(_ name: String, _ values: [Double], isDashed: Bool = false) {
    add(name, x: values.indices.map(Double.init), y: values, isDashed: isDashed)
  }

  /// The picture: an `svg` element that can stand in a page or be a file of its own.
  public var svg: String { LinePlotDrawing(self).svg }
}
