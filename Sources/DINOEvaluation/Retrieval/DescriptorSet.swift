public import DINOData
public import DINOInference
internal import DINOModels
public import Imaging
public import Torch

/// The descriptors of images, as far as these could be read.
public struct DescriptorSet {
  /// `[M, D]`, float32, rows of unit length.
  public let rows: Tensor
  /// Which item each row stands for.
  public let items: [Int]
  /// Items that gave no row, one line each.
  public let failures: [String]
  /// Whether the rows were computed by an earlier run.
  public let isCached: Bool

  /// Makes a set.
  ///
  /// - Parameters:
  ///   - rows: `[M, D]`, float32.
  ///   - items: Which item each row stands for.
  ///   - failures: Items that gave no row, one line each.
  ///   - isCached: Whether the rows were computed by an earlier run.
  public init(rows: Tensor, items: [Int], failures: [String] = [], isCached: Bool = false) {
    self.rows = rows
    self.items = items
    self.failures = failures
    self.isCached = isCached
  }
}

/// Computes the descriptors of images, or finds those of an earlier run.
public struct RetrievalFeatures: Sendable {
  /// How descriptors are made.
  public var job: DescriptorJob
  /// How images are decoded.
  public var decoder = ImageDecoder()
  /// The folder of kept descriptors; nil keeps none.
  public var cache: FeatureCache?

  /// Prepares to compute descriptors.
  ///
  /// - Parameter job: How descriptors are made.
  public init(_ job: DescriptorJob) { self.job = job }

  /// Computes the descriptors, or finds them.
  ///
  /// - Parameters:
  ///   - items: Images or parts of images.
  ///   - model: The model.
  ///   - progress: Called with the number of further items that are done.
  /// - Returns: The descriptors.
  /// - Throws: `InferenceError` if no item could be used, the model fails, or the cache cannot be
  ///   written.
  public func callAsFunction(
    _ items: [RetrievalSet.Item], with model: DINOv2,
    progress: (Int) -> Void = { _ in }
  ) async throws -> DescriptorSet {
    let columns = job.recipe.columns(embedDim: model.config.embedDim)
    var key: FeatureCache.Key?
    if let cache {
      key = try await cache.key(of: self, items: items, by: model)
      if let key, let found = cache.find(key, columns: columns) {
        progress(items.count)
        let failed = Set(found.failures.map(\.row))
        let rest = items.indices.filter { !failed.contains($0) }
        if rest.count == found.tensor.shape.first {
          return DescriptorSet(
            rows: found.tensor, items: rest, failures: found.failures.map(\.reason),
            isCached: true)
        }
      }
    }
    var values: [Float] = []
    var rows: [Int] = []
    var failures: [FeatureCache.Failure] = []
    let decoder = decoder
    try await job(
      items, with: model, load: { try .init($0.load(decoder), note: ()) },
      each: { outcomes in
        for outcome in outcomes {
          switch outcome.result {
          case .success(let found):
            values += found.descriptor ?? []
            rows.append(outcome.index)
          case .failure(let error):
            failures.append(.init(row: outcome.index, reason: "\(error)"))
          }
        }
        progress(outcomes.count)
      })
    guard !rows.isEmpty else {
      throw DataError.unusable(
        place: items.first?.image.displayName ?? "retrieval set",
        problem: "none of \(items.count) images could be used; \(failures.first?.reason ?? "")")
    }
    if let cache, let key {
      try cache.store(values, columns: columns, failures: failures, key: key)
    }
    return DescriptorSet(
      rows: try Tensor(values, [rows.count, columns]), items: rows,
      failures: failures.map(\.reason), isCached: false)
  }
}

extension RetrievalSet.Item {
  /// Decodes the image and cuts out the part that counts.
  ///
  /// - Parameter decoder: How to decode.
  /// - Returns: The part, or the whole image if no part is named.
  /// - Throws: `DataError` if the image cannot be read or the part does not lie in it.
  public func load(_ decoder: ImageDecoder = ImageDecoder()) throws(DataError) -> PixelBuffer {
    let image = try self.image.decode(decoder)
    guard let box else { return image }
    guard let region = box.region(in: image.size) else {
      throw .unusable(
        place: self.image.displayName,
        problem: "the box from \(box.left), \(box.top) to \(box.right), \(box.bottom) does not lie "
          + "in the image of \(image.size)")
    }
    do throws(ImageError) { return try image.cropped(to: region) } catch {
      throw DataError(error, path: self.image.displayName)
    }
  }
}

extension FeatureCache {
  /// The key of descriptors.
  func key(
    of features: RetrievalFeatures, items: [RetrievalSet.Item], by model: DINOv2
  ) async throws(InferenceError) -> Key {
    let boxes = items.map { item in item.box.map { "\($0)" } ?? "" }.joined(separator: ";")
    let references = items.map(\.image)
    return Self.key([
      "dinov2-descriptors 1", features.job.recipe.text, model.summary,
      try await Self.fingerprint(of: model), "\(features.job.preprocessing)",
      "\(features.decoder)", "\(items.count) images", Self.contents(of: references),
      Self.key([boxes]).name,
    ])
  }
}
