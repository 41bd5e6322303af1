import DINOData
import DINOTestSupport
import Foundation
import Testing

/// `statistics.json` of the golden case `masking/statistics`.
private struct MaskStatistics: Decodable {
  struct Config: Decodable {
    let batch: Int
    let batches: Int
    let maskProbability: Double
    let maskRatio: [Double]
  }

  struct Spread: Decodable {
    let mean: Double
    let std: Double
    let min: Int?
    let max: Int?
  }

  struct Fixed: Decodable {
    let wanted: Int
    let samples: Int
    let mean: Double
    let std: Double
    let max: Int
    let exact: Double
  }

  struct Grid: Decodable {
    let grid: [Int]
    let count: Spread
    let totalPerBatch: Spread
    let emptySamplesPerBatch: Double
    let maskedSamples: Int
    let positionMean: [[Double]]
    let fixed: [Fixed]
    let upperbound: Int
  }

  let config: Config
  let grids: [Grid]

  static func read() throws -> MaskStatistics {
    let path = try Golden.named("masking/statistics").sideFile("statistics.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(
      MaskStatistics.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

@Suite("Distribution of masks")
struct MaskStatisticsTests {
  @Test("batches agree with the original's within five standard errors")
  func batches() throws {
    let statistics = try MaskStatistics.read()
    let config = statistics.config
    for grid in statistics.grids {
      var settings = MaskBatch.Settings(
        MaskingGenerator(height: grid.grid[0], width: grid.grid[1]))
      settings.probability = config.maskProbability
      settings.ratio = config.maskRatio[0]...config.maskRatio[1]
      let patches = grid.grid[0] * grid.grid[1]
      var counts: [Int] = []
      var totals: [Int] = []
      var positions = [Double](repeating: 0, count: patches)
      for number in 0..<config.batches {
        var random = ViewRandom(seed: 3, .masks, number)
        let batch = MaskBatch(crops: config.batch, settings, &random)
        #expect(Double(batch.counts.count { $0 == 0 }) == grid.emptySamplesPerBatch)
        #expect(batch.upperBound == grid.upperbound)
        counts += batch.counts.filter { $0 > 0 }
        totals.append(batch.counts.reduce(0, +))
        for index in batch.indices { positions[index % patches] += 1 }
      }

      #expect(counts.count == grid.maskedSamples)
      #expect(
        abs(mean(counts) - grid.count.mean)
          < 5 * grid.count.std / Double(counts.count).squareRoot())
      #expect(
        abs(mean(totals) - grid.totalPerBatch.mean)
          < 5 * grid.totalPerBatch.std / Double(totals.count).squareRoot())
      // Both sides have errors, and there are hundreds of positions.
      let errors = 5 * 2.0.squareRoot()
      let samples = Double(config.batches * config.batch)
      for (got, wanted) in zip(positions, grid.positionMean.joined()) {
        let error = (wanted * (1 - wanted) / samples).squareRoot()
        #expect(abs(got / samples - wanted) < errors * max(error, 1e-3))
      }
    }
  }

  @Test("masks of a wanted size agree with the original's within five standard errors")
  func fixedCounts() throws {
    for grid in try MaskStatistics.read().grids {
      let generator = MaskingGenerator(height: grid.grid[0], width: grid.grid[1])
      #expect(!grid.fixed.isEmpty)
      for fixed in grid.fixed {
        let counts = (0..<fixed.samples).map { number in
          var random = ViewRandom(seed: 4, .masks, fixed.wanted, number)
          return generator.mask(fixed.wanted, &random).count { $0 }
        }

        let samples = Double(fixed.samples)
        let errors = 5 / samples.squareRoot()
        #expect(counts.max() ?? 0 <= fixed.wanted)
        #expect(abs(mean(counts) - fixed.mean) < errors * max(fixed.std, 0.05))
        let exact = Double(counts.count { $0 == fixed.wanted }) / samples
        let spread = (fixed.exact * (1 - fixed.exact)).squareRoot()
        #expect(abs(exact - fixed.exact) < errors * max(spread, 0.05))
      }
    }
  }

  private func mean(_ values: [Int]) -> Double {
    Double(values.reduce(0, +)) / Double(max(values.count, 1))
  }
}
