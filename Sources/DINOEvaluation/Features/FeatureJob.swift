public import DINOData
public import DINOInference
internal import DINOModels
public import Imaging
internal import Torch

/// The features of labelled images by a model: class tokens of the last blocks, then the mean patch
/// token of the last one, `(layers + 1) · D` values an image.
///
/// Rows are computed once; with a cache folder they are found again as long as model, preprocessing
/// and images are the same.
public struct FeatureJob: Sendable {
  /// How the original augments images for its linear classifiers: a random part, mirrored or not.
  ///
  /// Source: `make_classification_train_transform`: area 0.08 to 1, ratio 3/4 to 4/3, flip 0.5.
  public struct Augmentation: Sendable, Equatable {
    /// Random views of each image.
    public var views: Int
    /// The seed of the draws.
    public var seed: UInt64

    /// Asks for random views.
    public init(views: Int, seed: UInt64 = 0) {
      self.views = views
      self.seed = seed
    }
  }

  /// The images.
  public var images: LabelledImages
  /// Their class indices, if others than the images' own.
  public var labels: [Int]
  /// How an image becomes the model's input.
  public var preprocessing: Preprocessing
  /// How images are decoded.
  public var decoder = ImageDecoder()
  /// Random views instead of the one centre crop.
  public var augmentation: Augmentation?
  /// How many of the last blocks give their class token.
  public var layers = 4
  /// Images per forward pass.
  public var batch = 16
  /// Threads that decode.
  public var decoders = 2
  /// The folder of kept features; nil keeps none.
  public var cache: FeatureCache?

  /// Describes a job.
  ///
  /// - Parameters:
  ///   - images: The images.
  ///   - labels: Their class indices, if others than the images' own.
  ///   - preprocessing: How an image becomes the model's input.
  public init(_ images: LabelledImages, labels: [Int]? = nil, preprocessing: Preprocessing) {
    self.images = images
    self.labels = labels ?? images.labels
    self.preprocessing = preprocessing
  }

  /// The number of rows, if no image fails.
  public var count: Int { images.references.count * (augmentation?.views ?? 1) }

  /// Computes the features, or finds them.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - progress: Called with the number of further views that are done.
  /// - Returns: Features, views of one image apart by the number of images.
  /// - Throws: `InferenceError` if the model has too few blocks, no image could be used, or the cache
  ///   cannot be written.
  public func callAsFunction(
    with model: DINOv2, progress: @Sendable (Int) -> Void = { _ in }
  ) async throws(InferenceError) -> LabelledFeatures {
    guard batch > 0, layers > 0, layers <= model.config.depth, (augmentation?.views ?? 1) > 0 else {
      throw .usage(
        problem: "\(layers) blocks in batches of \(batch): the model has \(model.config.depth)")
    }
    guard labels.count == images.references.count else {
      throw .usage(problem: "\(labels.count) labels for \(images.references.count) images")
    }
    let columns = (layers + 1) * model.config.embedDim
    let key = try await cache.asyncMap { cache throws(InferenceError) in
      try await cache.key(of: self, by: model)
    }
    if let cache, let key, let found = cache.find(key, columns: columns) {
      progress(count)
      return try features(found.tensor, failures: found.failures, isCached: true)
    }
    var values: [Float] = []
    var failures: [FeatureCache.Failure] = []
    var window: [OrderedPipeline<Int, ImageBatch>.Element] = []
    for await item in pipeline() {
      window.append(item)
      guard window.count == batch else { continue }
      try await finish(&window, model, &values, &failures)
      progress(batch)
    }
    if !window.isEmpty {
      let rest = window.count
      try await finish(&window, model, &values, &failures)
      progress(rest)
    }
    guard !Task.isCancelled else {
      throw .output(path: "features", problem: "were not computed: the task was cancelled")
    }
    guard !values.isEmpty else {
      throw .data(
        .unusable(
          place: images.references.first?.displayName ?? "labelled images",
          problem: "none of \(count) images could be used; \(failures.first?.reason ?? "")"))
    }
    if let cache, let key {
      try cache.store(values, columns: columns, failures: failures, key: key)
    }
    let tensor: Tensor
    do throws(TorchError) {
      tensor = try Tensor(values, [values.count / columns, columns])
    } catch { throw .torch(error) }
    return try features(tensor, failures: failures, isCached: false)
  }

  private func features(
    _ tensor: Tensor, failures: [FeatureCache.Failure], isCached: Bool
  ) throws(InferenceError) -> LabelledFeatures {
    let failed = Set(failures.map(\.row))
    let images = (0..<count).filter { !failed.contains($0) }.map { $0 % labels.count }
    guard images.count == tensor.shape.first else {
      throw .usage(problem: "\(tensor.shape) features for \(images.count) images")
    }
    return LabelledFeatures(
      rows: tensor, layers: layers, labels: images.map { labels[$0] }, images: images,
      failures: failures.map(\.reason), isCached: isCached)
  }

  /// Prepared views, view by view.
  private func pipeline() -> OrderedPipeline<Int, ImageBatch> {
    let (references, preprocessing, decoder) = (images.references, preprocessing, decoder)
    let augmentation = augmentation
    return OrderedPipeline(0..<count, threads: decoders, ahead: 2 * batch) { row in
      let image = try references[row % references.count].decode(decoder)
      guard let augmentation else { return try preprocessing.batch([image]) }
      var random = ViewRandom(seed: augmentation.seed, .crops, row)
      return try Self.randomView(of: image, preprocessing: preprocessing, &random)
    }
  }

  /// A random part of an image, mirrored or not, of the size of the model's input.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - scale: Smallest and largest share of its area.
  ///   - preprocessing: How an image becomes the model's input.
  ///   - random: The draws.
  /// - Returns: One image.
  /// - Throws: `ImageError` or `InferenceError` if the input's size does not fit.
  static func randomView(
    of image: PixelBuffer, scale: ClosedRange<Double> = 0.08...1, preprocessing: Preprocessing,
    _ random: inout ViewRandom
  ) throws -> ImageBatch {
    let side: Size
    if let crop = preprocessing.crop {
      side = crop
    } else {
      side = try preprocessing.outputSize(for: image.size)
    }
    let box = Region.randomCrop(
      of: image.size, scale: scale, aspect: 3.0 / 4...4.0 / 3, &random)
    let part = try image.resizedCrop(box, to: side, filter: preprocessing.filter)
    var plain = preprocessing
    plain.resize = nil
    return try plain.batch([random.chance(0.5) ? part.flippedHorizontally() : part])
  }

  /// Computes the rows of consecutive views.
  private func finish(
    _ window: inout [OrderedPipeline<Int, ImageBatch>.Element], _ model: DINOv2,
    _ values: inout [Float], _ failures: inout [FeatureCache.Failure]
  ) async throws(InferenceError) {
    var rows = [[Float]](repeating: [], count: window.count)
    var places: [Size: [Int]] = [:]
    for (position, item) in window.enumerated() {
      switch item.result {
      case .success(let image): places[image.size, default: []].append(position)
      case .failure(let error):
        failures.append(.init(row: item.index, reason: "\(error)"))
      }
    }
    let blocks = Array(model.config.depth - layers..<model.config.depth)
    for (size, positions) in places {
      var pixels: [Float] = []
      for position in positions {
        if case .success(let image) = window[position].result { pixels += image.values }
      }
      let tokens = try await model.tokens(
        of: ImageBatch(values: pixels, count: positions.count, size: size), after: blocks)
      for (index, position) in positions.enumerated() {
        for block in tokens { rows[position] += block.clsToken(index) }
        rows[position] += tokens[tokens.count - 1].patchMean(index)
      }
    }
    for row in rows { values += row }
    window = []
  }
}

extension Optional {
  /// `map` for closures that wait.
  fileprivate func asyncMap<Result, Failure: Error>(
    _ body: (Wrapped) async throws(Failure) -> Result
  ) async throws(Failure) -> Result? {
    guard let self else { return nil }
    return try await body(self)
  }
}
