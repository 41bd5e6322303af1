internal import DINOData
internal import DINOInference
internal import DINOModels
internal import Imaging
internal import Torch

/// Images with classes that the backbone sees anew in each step.
///
/// It sees a random part, mirrored or not, or the image as it is prepared where the head is applied. Images
/// of one size pass through the backbone together.
struct ImageExamples: DenseExamples {
  /// The smallest and the largest share of an image that a random part shows.
  static let scale = 0.25...1.0

  /// The images, their classes, and how they become the model's input.
  let job: FeatureJob
  /// The numbers of the chosen images in the job.
  let images: [Int]
  let isRandom: Bool
  /// The blocks whose tokens are handed out.
  let blocks: [Int]
  let source: any TokenSource
  let patchSize: Int
  let seed: UInt64

  var count: Int { images.count }

  func examples(
    _ indices: [Int], step: Int
  ) async throws(InferenceError) -> [DenseExample] {
    let chosen = indices.map { images[$0] }
    let read = await pixels(of: chosen, step: step)
    var places: [Size: [Int]] = [:]
    for (place, image) in read.enumerated() {
      if let image { places[image.size, default: []].append(place) }
    }
    var examples = [DenseExample?](repeating: nil, count: chosen.count)
    // In the order of the images: sums must not depend on a dictionary's order.
    for (size, places) in places.sorted(by: { $0.value[0] < $1.value[0] }) {
      let batch = ImageBatch(
        values: places.flatMap { read[$0]?.values ?? [] }, count: places.count, size: size)
      let rows = try await source.rows(of: batch, after: blocks, normalize: true)
      let grid = PatchGrid(height: size.height / patchSize, width: size.width / patchSize)
      do throws(TorchError) {
        for (index, place) in places.enumerated() {
          examples[place] = try DenseExample(
            grid, rows.select(dim: 0, index), .imageClass(job.labels[chosen[place]]))
        }
      } catch { throw .torch(error) }
    }
    return examples.compactMap(\.self)
  }

  /// The model's input of each image; nil for one that cannot be read any more.
  private func pixels(of chosen: [Int], step: Int) async -> [ImageBatch?] {
    let (job, isRandom, seed) = (job, isRandom, seed)
    let pipeline = OrderedPipeline(
      chosen, threads: job.decoders, ahead: max(chosen.count, 1)
    ) { image in
      let pixels = try job.images.references[image].decode(job.decoder)
      guard isRandom else { return try job.preprocessing.batch([pixels]) }
      var random = ViewRandom(seed: seed, .crops, step, image)
      return try FeatureJob.randomView(
        of: pixels, scale: Self.scale, preprocessing: job.preprocessing, &random)
    }
    var found: [ImageBatch?] = []
    for await item in pipeline { found.append(try? item.result.get()) }
    return found
  }
}
