package import DINOData
package import DINOInference
internal import DINOModels
package import Imaging
internal import Torch

/// Examples from views that the backbone sees anew in each step: random ones, or whole images.
package struct AugmentedExamples: DenseExamples {
  /// What views may differ in.
  package struct Variation: Sendable, Equatable {
    /// Factors of the size, between which one is drawn.
    package var scales: ClosedRange<Double>
    /// The least share of each side that is seen.
    package var leastPart: Double

    /// Changes of size that leave classes what they are.
    package static let segmentation = Variation(scales: 0.75...1.5, leastPart: 1)
    /// Parts alone: another size would be another depth.
    package static let depth = Variation(scales: 1...1, leastPart: 0.7)
  }

  /// An image and its target.
  package typealias Load = @Sendable (Int) throws -> (PixelBuffer, Truth)

  /// What is known of each pixel.
  package enum Truth: Sendable {
    /// Classes.
    case labels(ValueImage)
    /// Depth.
    case depth(DepthMap)
    /// Objects with boxes.
    case objects([DetectionData.Object])
  }

  package let count: Int
  private let source: any TokenSource
  private let patchSize: Int
  private let features: DenseFeatureJob
  private let variation: Variation?
  private let scale: Int
  private let seed: UInt64
  private let load: Load

  /// Prepares views.
  ///
  /// - Parameters:
  ///   - features: The blocks and the preprocessing; its images do not count.
  ///   - count: The number of images.
  ///   - variation: What views may differ in; nil shows whole images.
  ///   - source: The backbone, and the side of its patches.
  ///   - points: Points per patch and axis, and the seed of the draws.
  ///   - load: Reads an image and its target.
  package init(
    _ features: DenseFeatureJob, count: Int, _ variation: Variation?,
    seenBy source: (backbone: any TokenSource, patchSize: Int),
    points: (scale: Int, seed: UInt64), load: @escaping Load
  ) {
    self.count = count
    (self.source, patchSize) = source
    self.features = features
    self.variation = variation
    (scale, seed) = points
    self.load = load
  }

  package func examples(
    _ indices: [Int], step: Int
  ) async throws(InferenceError) -> [DenseExample] {
    let (features, variation, scale, seed, load) = (features, variation, scale, seed, load)
    let patch = patchSize
    let pipeline = OrderedPipeline(
      indices, threads: features.decoders, ahead: max(indices.count, 1)
    ) { index in
      let (image, truth) = try load(index)
      var random = ViewRandom(seed: seed, .crops, step, index)
      let plain = try DenseView(of: image.size, features.preprocessing, patchSize: patch)
      let view = variation.map { plain.varied($0, &random) } ?? plain
      let colored = variation == nil ? image : image.varied(&random)
      let target: DenseTarget =
        switch truth {
        case .labels(let labels): DenseTarget(labels, seen: view, scale: scale)
        case .depth(let depth): DenseTarget(depth, seen: view, scale: scale)
        case .objects(let objects): .boxes(view.targets(objects))
        }
      return (try view.input(colored, features.preprocessing), view.grid, target)
    }
    var examples: [DenseExample] = []
    for await item in pipeline {
      // Images that cannot be read were reported by the check before.
      guard case .success(let (image, grid, target)) = item.result else { continue }
      let rows = try await source.rows(
        of: image, after: features.blocks, normalize: features.normalize)
      do throws(TorchError) {
        examples.append(try DenseExample(grid, rows.select(dim: 0, 0), target))
      } catch { throw .torch(error) }
    }
    return examples
  }
}

extension DenseView {
  /// A random view.
  ///
  /// - Parameters:
  ///   - variation: What it may differ in.
  ///   - random: Where the draws come from.
  /// - Returns: A part of at most the size of this one.
  func varied(
    _ variation: AugmentedExamples.Variation, _ random: inout ViewRandom
  ) -> DenseView {
    let factor = random.uniform(variation.scales.lowerBound, variation.scales.upperBound)
    let scaled = Size(
      height: max(Int((Double(resized.height) * factor).rounded()), 1),
      width: max(Int((Double(resized.width) * factor).rounded()), 1))
    func length(_ side: Int, _ limit: Int) -> Int {
      let share = random.uniform(variation.leastPart, 1)
      return max(min(Int((Double(side) * share).rounded()), limit), 1)
    }
    let height = length(part.height, scaled.height)
    let width = length(part.width, scaled.width)
    return DenseView(
      image: image, resized: scaled,
      part: Region(
        top: random.integer(0...scaled.height - height),
        left: random.integer(0...scaled.width - width), height: height, width: width),
      isMirrored: random.chance(0.5), patchSize: patchSize)
  }
}

extension PixelBuffer {
  /// The image with brightness, contrast and saturation changed by up to a quarter.
  fileprivate func varied(_ random: inout ViewRandom) -> PixelBuffer {
    withBrightness(random.uniform(0.75, 1.25)).withContrast(random.uniform(0.75, 1.25))
      .withSaturation(random.uniform(0.75, 1.25))
  }
}
