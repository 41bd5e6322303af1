import DINOData
import DINOTestSupport
import Foundation
import Testing

/// `replay.json` of the golden case `masking/replay`.
private struct Replay: Decodable {
  struct Generator: Decodable {
    let grid: [Int]
    let wanted: Int
    let minNumPatches: Int
    let maxNumPatches: Double
    let minAspect: Double
    let draws: [RecordedDraws.Draw]
    let mask: [String]
    let count: Int
  }

  struct Collate: Decodable {
    let grid: [Int]
    let images: Int
    let maskProbability: Double
    let maskRatio: [Double]
    let draws: [RecordedDraws.Draw]
    let masks: [String]
    let maskIndicesList: [Int]
    let masksWeight: [Double]
    let nMaskedPatches: Int
    let upperbound: Int
  }

  struct MaxNumPatches: Decodable {
    let image: Int
    let patch: Int
    let tokens: Int
    let value: Double
  }

  struct UpperBound: Decodable {
    let globalCropsInBatch: Int
    let maskProbability: Double
    let maskRatio: [Double]
    let maskedSamples: Int
    let tokens: Int
    let upperbound: Int
  }

  let generator: [Generator]
  let collate: [Collate]
  let maxNumPatches: [MaxNumPatches]
  let upperbound: [UpperBound]

  static func read() throws -> Replay {
    let path = try Golden.named("masking/replay").sideFile("replay.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Replay.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

private func bits(_ rows: [String]) -> [Bool] { rows.joined().map { $0 == "1" } }

@Suite("Masks of patches")
struct MaskingTests {
  @Test("repeat the original's from its draws")
  func replaysGenerator() throws {
    let entries = try Replay.read().generator
    #expect(!entries.isEmpty)
    for entry in entries {
      var generator = MaskingGenerator(
        height: entry.grid[0], width: entry.grid[1], maxPatches: entry.maxNumPatches)
      generator.minPatches = entry.minNumPatches
      generator.minAspect = entry.minAspect
      var draws = RecordedDraws(entry.draws)

      let mask = generator.mask(entry.wanted, &draws)

      #expect(draws.problems.isEmpty)
      #expect(draws.rest.isEmpty)
      #expect(mask == bits(entry.mask))
      #expect(mask.count { $0 } == entry.count)
    }
  }

  @Test("of a batch repeat the original's from its draws")
  func replaysBatch() throws {
    let entries = try Replay.read().collate
    #expect(!entries.isEmpty)
    for entry in entries {
      var settings = MaskBatch.Settings(
        MaskingGenerator(height: entry.grid[0], width: entry.grid[1]))
      settings.probability = entry.maskProbability
      settings.ratio = entry.maskRatio[0]...entry.maskRatio[1]
      var draws = RecordedDraws(entry.draws)

      let batch = MaskBatch(crops: 2 * entry.images, settings, &draws)

      #expect(draws.problems.isEmpty)
      #expect(draws.rest.isEmpty)
      #expect(batch.masks == bits(entry.masks))
      #expect(batch.indices == entry.maskIndicesList)
      #expect(batch.weights == entry.masksWeight.map { Float($0) })
      #expect(batch.counts.reduce(0, +) == entry.nMaskedPatches)
      #expect(batch.upperBound == entry.upperbound)
    }
  }

  @Test("have at most as many patches in a block as the original computes")
  func computesMaxPatches() throws {
    let entries = try Replay.read().maxNumPatches
    #expect(!entries.isEmpty)
    for entry in entries {
      let generator = MaskingGenerator(size: entry.image, patch: entry.patch)
      #expect(generator.height * generator.width == entry.tokens)
      #expect(generator.maxPatches == entry.value)
    }
  }

  @Test("have the original's upper bound")
  func computesUpperBound() throws {
    let entries = try Replay.read().upperbound
    #expect(!entries.isEmpty)
    for entry in entries {
      var settings = MaskBatch.Settings(MaskingGenerator(height: 1, width: entry.tokens))
      settings.probability = entry.maskProbability
      settings.ratio = entry.maskRatio[0]...entry.maskRatio[1]
      #expect(settings.upperBound(crops: entry.globalCropsInBatch) == entry.upperbound)
    }
  }

  @Test("reach the exact number where that is asked for", arguments: [1, 4, 25, 98, 196])
  func reachesExactCount(count: Int) {
    var generator = MaskingGenerator(height: 14, width: 14)
    generator.isExact = true
    for seed in 0..<20 {
      var random = ViewRandom(seed: UInt64(seed), .masks)
      #expect(generator.mask(count, &random).count { $0 } == count)
    }
  }

  @Test(
    "of tiny grids end and never have too many patches",
    arguments: [(1, 1), (1, 2), (2, 2), (1, 9), (3, 2)])
  func handlesTinyGrids(height: Int, width: Int) {
    let generator = MaskingGenerator(height: height, width: width)
    for seed in 0..<50 {
      for count in 0...height * width {
        var random = ViewRandom(seed: UInt64(seed), .masks, count)
        let mask = generator.mask(count, &random)
        #expect(mask.count == height * width)
        #expect(mask.count { $0 } <= count)
      }
    }
  }

  @Test("of a batch may be none")
  func handlesNoMaskedCrop() {
    var settings = MaskBatch.Settings(MaskingGenerator(height: 7, width: 7))
    for (crops, probability) in [(2, 0.0), (1, 0.5), (0, 0.5)] {
      settings.probability = probability
      var random = ViewRandom(seed: 1, .masks)
      let batch = MaskBatch(crops: crops, settings, &random)

      #expect(batch.masks == [Bool](repeating: false, count: 49 * crops))
      #expect(batch.indices.isEmpty && batch.weights.isEmpty)
      #expect(batch.counts == [Int](repeating: 0, count: crops))
      #expect(batch.upperBound == 0)
    }
  }

  @Test("weigh each crop equally")
  func weighsCropsEqually() {
    var settings = MaskBatch.Settings(MaskingGenerator(height: 16, width: 12))
    settings.probability = 1
    var random = ViewRandom(seed: 5, .masks)

    let batch = MaskBatch(crops: 6, settings, &random)

    #expect(batch.counts.allSatisfy { $0 > 0 })
    #expect(batch.indices == batch.masks.indices.filter { batch.masks[$0] })
    var sums = [Float](repeating: 0, count: 6)
    for (index, weight) in zip(batch.indices, batch.weights) { sums[index / 192] += weight }
    for sum in sums { #expect(abs(sum - 1) < 1e-4) }
  }
}
