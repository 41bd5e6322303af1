import DINOData
import DINOTestSupport
import Foundation
import Imaging
import Testing

@Suite("Loader with reduced decoding", .timeLimit(.minutes(2)))
struct ReducedLoaderTests {
  private let folder: TemporaryFolder
  /// A photograph of 346 × 211 pixels.
  private let photo: [UInt8]

  init() throws {
    folder = try TemporaryFolder()
    let path = try Golden.named("preprocessing/evaluation").sideFile("images/photo.jpg")
    photo = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  /// Crops so small that the photograph is divided by 2 or 4, without distortions of colours.
  private func settings(global: Int, local: Int, reduces: Bool) -> MultiCropLoader.Settings {
    var settings = MultiCropLoader.Settings(
      masks: MaskBatch.Settings(MaskingGenerator(size: global, patch: 4)))
    settings.crops.globalSize = global
    settings.crops.localSize = local
    settings.crops.localCount = 2
    settings.crops.jitterProbability = 0
    settings.crops.grayProbability = 0
    settings.crops.blurProbability = SIMD3(0, 0, 0)
    settings.crops.solarizeProbability = 0
    settings.batchSize = 6
    settings.seed = 8
    settings.reducesDecoding = reduces
    return settings
  }

  private func batches(
    _ images: TrainingImages, _ settings: MultiCropLoader.Settings, _ count: Int = 3
  ) throws -> [TrainingBatch] {
    let loader = MultiCropLoader(images, settings)
    return try (0..<count).map { _ in try loader.next() }
  }

  private func photographs(_ count: Int, bad: Set<Int> = []) throws -> TrainingImages {
    for number in 0..<count {
      let damaged = Array(photo.prefix(photo.count / 2))
      try folder.write("images/\(100 + number).jpg", bad.contains(number) ? damaged : photo)
    }
    return try TrainingImages([folder.file("images")])
  }

  /// The mean distance of normalised values, in steps of 8 bits.
  private func distance(
    _ left: [TrainingBatch], _ right: [TrainingBatch], _ crops: KeyPath<TrainingBatch, [Float]>
  ) -> Double {
    let scale = 255 * Double(MultiCropConfig().std.sum()) / 3
    var (sum, count) = (0.0, 0)
    for (a, b) in zip(left, right) {
      sum += zip(a[keyPath: crops], b[keyPath: crops]).reduce(0) { $0 + Double(abs($1.0 - $1.1)) }
      count += a[keyPath: crops].count
    }
    return scale * sum / Double(count)
  }

  /// Measured in steps of 8 bits: 2.1 and 4.4 on a photograph of much detail, of which a part is that boxes
  /// have whole pixels of the smaller image; other boxes are 40 away.
  @Test(
    "crops stay close to those of whole images", arguments: [(28, 12, 2, 3.0), (16, 6, 4, 6.0)])
  func close(global: Int, local: Int, factor: Int, bound: Double) throws {
    let images = try photographs(6)
    let reduced = settings(global: global, local: local, reduces: true)
    #expect(reduced.crops.reduction(for: Size(height: 211, width: 346)) == factor)

    let whole = try batches(images, settings(global: global, local: local, reduces: false))
    let small = try batches(images, reduced)
    var otherDraws = settings(global: global, local: local, reduces: true)
    otherDraws.seed = 9
    let others = try batches(images, otherDraws)

    for crops in [\TrainingBatch.globalCrops, \TrainingBatch.localCrops] {
      let found = distance(whole, small, crops)
      #expect(found > 0 && found < bound)
      #expect(distance(whole, others, crops) > 5 * found)
    }
  }

  @Test("gives the same bytes for any number of threads and any cache", arguments: [1, 3])
  func threads(count: Int) throws {
    let images = try photographs(9, bad: [4])
    let reference = try batches(images, settings(global: 16, local: 6, reduces: true), 6)
    // One small image takes 53 × 87 × 3 bytes: all of them, three of them.
    for cache in [1 << 20, 45_000] {
      var other = settings(global: 16, local: 6, reduces: true)
      (other.threads, other.cacheBytes) = (count, cache)
      for (a, b) in zip(reference, try batches(images, other, 6)) {
        #expect(a.sampleIndices == b.sampleIndices)
        #expect(a.globalCrops == b.globalCrops && a.localCrops == b.localCrops)
        #expect(a.failures == b.failures)
      }
    }
  }

  @Test("a damaged file is replaced as without reduction")
  func damaged() throws {
    let images = try photographs(20, bad: [3])
    let whole = try batches(images, settings(global: 16, local: 6, reduces: false), 7)
    let small = try batches(images, settings(global: 16, local: 6, reduces: true), 7)

    #expect(small.flatMap(\.failures) == whole.flatMap(\.failures))
    #expect(small.flatMap(\.failures).map(\.path) == [images.references[3].displayName])
    #expect(small.map(\.sampleIndices) == whole.map(\.sampleIndices))
  }

  @Test("images that are small or no JPEG give the same bytes as without reduction")
  func unchanged() throws {
    let images = try TestImages.write(8, to: folder)
    let whole = try batches(images, settings(global: 4, local: 4, reduces: false))
    let small = try batches(images, settings(global: 4, local: 4, reduces: true))
    for (a, b) in zip(whole, small) {
      #expect(a.globalCrops == b.globalCrops && a.localCrops == b.localCrops)
    }
  }
}
