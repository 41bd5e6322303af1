import Telemetry
import Testing

@Suite("PlotAxis")
struct PlotAxisTests {
  private func labels(_ values: [Double], _ scale: PlotScale = .linear, about count: Int = 5)
    -> [String]
  {
    PlotAxis(holding: values, scale: scale).extendedToTicks(about: count).ticks(about: count)
      .map(\.label)
  }

  @Test(
    "ticks are round numbers in few letters",
    arguments: [
      ([0, 10], ["0", "2", "4", "6", "8", "10"]),
      ([0, 1], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
      ([-1, 1], ["-1.0", "-0.5", "0", "0.5", "1.0"]),
      ([0, 20_000], ["0", "5k", "10k", "15k", "20k"]),
      ([0, 2e6], ["0", "0.5M", "1.0M", "1.5M", "2.0M"]),
      ([0, 4e-5], ["0", "1e-5", "2e-5", "3e-5", "4e-5"]),
      ([0.03, 0.0311], ["0.0300", "0.0302", "0.0304", "0.0306", "0.0308", "0.0310", "0.0312"]),
    ] as [([Double], [String])])
  func linear(values: [Double], expected: [String]) {
    #expect(
      labels(values).map { $0 == "0.0" ? "0" : $0 } == expected.map { $0 == "0.0" ? "0" : $0 })
  }

  @Test(
    "a logarithmic axis has powers of ten, and between few of them more",
    arguments: [
      ([1, 1_000_000], ["1", "10", "100", "1k", "10k", "100k", "1M"]),
      ([1e-6, 1e-2], ["1e-6", "1e-5", "1e-4", "1e-3", "0.01"]),
      ([0.02, 3], ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"]),
      ([1e-12, 1e12], ["1e-12", "1e-8", "1e-4", "1", "10k", "100M", "1e12"]),
    ] as [([Double], [String])])
  func logarithmic(values: [Double], expected: [String]) {
    #expect(labels(values, .logarithmic) == expected)
  }

  @Test("the ends hold all values, and each tick lies where its value does")
  func places() throws {
    let axis = PlotAxis(holding: [3, 17, 8.5], scale: .linear).extendedToTicks(about: 5)

    #expect(axis.lower <= 3 && axis.upper >= 17)
    #expect(axis.place(of: axis.lower) == 0)
    #expect(axis.place(of: axis.upper) == 1)
    let middle = try #require(axis.place(of: (axis.lower + axis.upper) / 2))
    #expect(abs(middle - 0.5) < 1e-12)
    let log = PlotAxis(holding: [1, 100], scale: .logarithmic)
    #expect(abs(try #require(log.place(of: 10)) - 0.5) < 1e-12)
  }

  @Test("what a scale cannot show has no place and no influence")
  func hidden() {
    let axis = PlotAxis(holding: [.nan, 1, .infinity, 2, -.infinity], scale: .linear)
    #expect(axis.lower == 1 && axis.upper == 2)
    #expect(axis.place(of: .nan) == nil)
    let log = PlotAxis(holding: [-5, 0, 1, 10], scale: .logarithmic)
    #expect(log.lower == 1 && log.upper == 10)
    #expect(log.place(of: 0) == nil)
  }

  @Test(
    "degenerate values still make an axis",
    arguments: [
      [], [0], [5, 5], [-3], [1e-300], [1e300], [-1e308, 1e308], [.nan],
      [.leastNonzeroMagnitude], [.greatestFiniteMagnitude], [.leastNonzeroMagnitude, 1.7e308],
    ] as [[Double]])
  func degenerate(values: [Double]) throws {
    for scale in [PlotScale.linear, .logarithmic] {
      let axis = PlotAxis(holding: values, scale: scale).extendedToTicks(about: 5)
      #expect(axis.lower < axis.upper)
      #expect(axis.ticks(about: 5).count <= 101)
      for value in values where scale == .linear ? value.isFinite : value.isNormal && value > 0 {
        let place = try #require(axis.place(of: value))
        #expect(place >= 0 && place <= 1)
      }
    }
  }
}
