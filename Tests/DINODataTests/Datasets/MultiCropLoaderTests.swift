import DINOData
import DINOTestSupport
import Imaging
import Testing

@Suite("Loader of training batches", .timeLimit(.minutes(2)))
struct MultiCropLoaderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func settings(batchSize: Int = 4, locals: Int = 2) -> MultiCropLoader.Settings {
    var settings = MultiCropLoader.Settings(
      masks: MaskBatch.Settings(MaskingGenerator(size: 28, patch: 14)))
    settings.crops.globalSize = 28
    settings.crops.localSize = 14
    settings.crops.localCount = locals
    settings.batchSize = batchSize
    settings.seed = 8
    return settings
  }

  private func batches(
    _ images: TrainingImages, _ settings: MultiCropLoader.Settings, from iteration: Int = 0,
    _ count: Int
  ) throws -> [TrainingBatch] {
    let loader = MultiCropLoader(images, settings, startingAt: iteration)
    return try (0..<count).map { _ in try loader.next() }
  }

  private func expectEqual(_ left: [TrainingBatch], _ right: [TrainingBatch]) {
    #expect(left.count == right.count)
    for (a, b) in zip(left, right) {
      #expect(a.iteration == b.iteration && a.sampleIndices == b.sampleIndices)
      #expect(a.globalCrops == b.globalCrops && a.localCrops == b.localCrops)
      #expect(a.masks == b.masks)
    }
  }

  @Test("lays crops out view by view")
  func laysOut() throws {
    let images = try TestImages.write(10, to: folder)
    let settings = settings(batchSize: 3)

    let batch = try batches(images, settings, from: 2, 1)[0]

    #expect(batch.iteration == 2 && batch.imageCount == 3)
    #expect(batch.globalCrops.count == 2 * 3 * 3 * 28 * 28)
    #expect(batch.localCrops.count == 2 * 3 * 3 * 14 * 14)
    #expect(batch.masks.masks.count == 2 * 3 * 4 && batch.masks.counts.count == 6)
    let multiCrop = MultiCrop(settings.crops, seed: settings.seed)
    let sampler = TrainingSampler(count: 10, seed: settings.seed)
    for number in 0..<3 {
      let position = 2 * 3 + number
      #expect(batch.sampleIndices[number] == sampler[position])
      let image = try images.references[sampler[position]].decode()
      let crops = try multiCrop(image, at: position)
      for view in 0..<2 {
        let length = 3 * 28 * 28
        let start = (view * 3 + number) * length
        let values = try multiCrop.normalized([crops[view]])
        #expect(Array(batch.globalCrops[start..<start + length]) == values)
      }
      for view in 0..<2 {
        let length = 3 * 14 * 14
        let start = (view * 3 + number) * length
        let values = try multiCrop.normalized([crops[2 + view]])
        #expect(Array(batch.localCrops[start..<start + length]) == values)
      }
    }
  }

  @Test("gives the same bytes for any number of threads, prefetch and cache")
  func isIndependentOfThreads() throws {
    let images = try TestImages.write(11, bad: [4], to: folder)
    let reference = try batches(images, settings(), 8)
    for (threads, ahead, cache) in [(2, 1, 0), (4, 3, 1 << 20), (1, 5, 4_000)] {
      var settings = settings()
      (settings.threads, settings.ahead, settings.cacheBytes) = (threads, ahead, cache)
      let other = try batches(images, settings, 8)
      expectEqual(reference, other)
      #expect(reference.map(\.failures) == other.map(\.failures))
    }
  }

  @Test("goes on at any batch as if it had never stopped", arguments: [1, 3, 5])
  func resumes(iteration: Int) throws {
    let images = try TestImages.write(7, bad: [2], to: folder)
    let whole = try batches(images, settings(), 8)
    var settings = settings()
    settings.threads = 2
    settings.cacheBytes = 1 << 20
    let rest = try batches(images, settings, from: iteration, 8 - iteration)
    expectEqual(Array(whole[iteration...]), rest)
  }

  @Test("replaces bad images and tells each once")
  func replacesBadImages() throws {
    let images = try TestImages.write(20, bad: [3, 12], to: folder)
    let all = try batches(images, settings(), 15)

    #expect(all.flatMap(\.sampleIndices).allSatisfy { $0 != 3 && $0 != 12 })
    #expect(all.allSatisfy { $0.imageCount == 4 })
    let failures = all.flatMap(\.failures)
    #expect(Set(failures.map(\.path)) == [3, 12].map { images.references[$0].displayName }.asSet)
    #expect(failures.count == 2)
    let sampler = TrainingSampler(count: 20, seed: 8)
    for failure in failures {
      #expect(failure.position < 60 && !failure.reason.isEmpty)
      // The first time that it was met: by the order, or as a replacement.
      let met = images.references[sampler[failure.position]].displayName
      #expect(met == failure.path || failures.map(\.path).contains(met))
    }
  }

  @Test("ends with an error where too many images are bad, and keeps ending so")
  func endsWithTooManyBad() throws {
    let images = try TestImages.write(10, bad: [1, 2, 3, 4], to: folder)
    let loader = MultiCropLoader(images, settings())
    var failure: DataError?
    var bad: [Int] = []
    for _ in 0..<10 where failure == nil {
      do { bad += try loader.next().failures.map(\.index) } catch { failure = error as? DataError }
    }
    #expect(failure?.category == .unusableDataSet)
    #expect(failure?.description.contains("of 10 images cannot be used") == true)
    #expect(throws: DataError.self) { try loader.next() }
    // What no batch could report is there too, and nothing twice.
    bad += loader.lastFailures.map(\.index)
    #expect(bad.count >= 2 && bad.asSet.count == bad.count && bad.asSet.isSubset(of: [1, 2, 3, 4]))
  }

  @Test("ends with an error where no image can be used")
  func endsWithoutImages() throws {
    let images = try TestImages.write(3, bad: [0, 1, 2], to: folder)
    let loader = MultiCropLoader(images, settings())
    let failure = #expect(throws: DataError.self) { try loader.next() }
    #expect(failure?.description.contains("none of 3 images") == true)
  }

  @Test("finds the one good image among many bad ones")
  func findsTheGoodOne() throws {
    var settings = settings()
    settings.badShare = 1
    let images = try TestImages.write(30, bad: Set(0..<30).subtracting([17]), to: folder)
    let all = try batches(images, settings, 4)
    #expect(all.flatMap(\.sampleIndices) == [Int](repeating: 17, count: 16))
  }

  @Test("works with a single image, and without local crops")
  func worksWithOneImage() throws {
    let images = try TestImages.write(1, to: folder)
    let all = try batches(images, settings(batchSize: 2, locals: 0), 2)
    for batch in all {
      #expect(batch.sampleIndices == [0, 0])
      #expect(batch.localCrops.isEmpty && batch.localCount == 0)
      #expect(batch.globalCrops.count == 2 * 2 * 3 * 28 * 28)
    }
    #expect(all[0].globalCrops != all[1].globalCrops)
  }

  @Test("refuses an empty folder")
  func refusesNothing() throws {
    try folder.write("images/readme.txt", [1])
    #expect(throws: DataError.self) { try TrainingImages([folder.file("images")]) }
    #expect(throws: DataError.self) { try TrainingImages([]) }
  }

  @Test("shares the images among processes")
  func sharesImages() throws {
    let images = try TestImages.write(12, to: folder)
    var seen: [Int] = []
    var crops: [[Float]] = []
    for rank in 0..<3 {
      var settings = settings()
      (settings.rank, settings.worldSize) = (rank, 3)
      let batch = try batches(images, settings, 1)[0]
      seen += batch.sampleIndices
      crops.append(batch.globalCrops)
    }
    #expect(seen.sorted() == Array(0..<12))
    #expect(crops[0] != crops[1] && crops[1] != crops[2])
  }

  @Test("gives an error to whoever waits after it was cancelled")
  func cancels() throws {
    let loader = MultiCropLoader(try TestImages.write(2, to: folder), settings())
    loader.cancel()
    #expect(throws: DataError.self) {
      // Batches that were finished before may still come.
      for _ in 0..<100 { _ = try loader.next() }
    }
  }
}

extension Array where Element: Hashable {
  fileprivate var asSet: Set<Element> { Set(self) }
}
