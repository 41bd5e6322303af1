public import DINOInference
internal import DINOModels
public import Imaging
internal import Torch

/// Finds images of a gallery that look like others.
public struct GallerySearch: Sendable {
  /// The gallery.
  public let gallery: Gallery

  /// Prepares to search.
  ///
  /// - Parameter gallery: The gallery.
  public init(_ gallery: Gallery) { self.gallery = gallery }

  /// What is looked for.
  public enum Query: Sendable {
    /// An image that has to be described.
    case image(PixelBuffer)
    /// A row of the gallery.
    case row(Int)
  }

  /// The descriptors of queries.
  ///
  /// - Parameters:
  ///   - queries: What is looked for.
  ///   - model: The model that the gallery was built with; nil if every query is a row.
  /// - Returns: A matrix with one row per query.
  /// - Throws: ``GalleryError`` if the model fails or is missing.
  public func describe(
    _ queries: [Query], with model: DINOv2?
  ) async throws -> EmbeddingMatrix {
    var rows = [[Float]](repeating: [], count: queries.count)
    var images: [(index: Int, image: PixelBuffer)] = []
    for (index, query) in queries.enumerated() {
      switch query {
      case .image(let image): images.append((index, image))
      case .row(let row):
        rows[index] = try GalleryError.curation { () throws(CurationError) in
          try CurationError.tensors(try gallery.matrix.rows([row]).floats)
        }
      }
    }
    if !images.isEmpty {
      guard let model else {
        throw GalleryError.usage(problem: "images cannot be searched for without a model")
      }
      let settings = gallery.settings
      let job = DescriptorJob(
        settings.recipe, settings.preprocessing(patchSize: model.config.patchSize))
      try await job(
        images.map(\.image), with: model, load: { .init($0, note: ()) },
        each: { outcomes in
          for outcome in outcomes {
            rows[images[outcome.index].index] = try outcome.result.get().descriptor ?? []
          }
        })
    }
    let values = rows.flatMap { $0 }
    return try GalleryError.curation { () throws(CurationError) in
      try EmbeddingMatrix(values, columns: gallery.settings.columns, source: "queries")
    }
  }

  /// The most similar images of each query, by the approximate index if the gallery has one.
  ///
  /// - Parameters:
  ///   - queries: `[Q, D]`.
  ///   - count: How many images, at least 1.
  ///   - effort: How much of the index is looked at; nil for what was found to suffice.
  /// - Returns: For each query the rows, most similar first.
  /// - Throws: ``GalleryError`` if the widths differ, or the index is damaged.
  public func nearest(
    _ queries: EmbeddingMatrix, count: Int, effort: Int? = nil
  ) throws(GalleryError) -> [[Neighbour]] {
    guard let (index, known) = try gallery.approximateIndex() else {
      return try exact(queries, count: count)
    }
    return try GalleryError.curation { () throws(CurationError) in
      try index.nearest(
        to: queries, in: gallery.matrix, count: count, effort: effort ?? known.tuning.effort)
    }
  }

  /// The most similar images of each query, by comparing with all of them.
  ///
  /// - Parameters:
  ///   - queries: `[Q, D]`.
  ///   - count: How many images, at least 1.
  /// - Returns: For each query the rows, most similar first.
  /// - Throws: ``GalleryError`` if the widths differ.
  public func exact(
    _ queries: EmbeddingMatrix, count: Int
  ) throws(GalleryError) -> [[Neighbour]] {
    try GalleryError.curation { () throws(CurationError) in
      let table = try CosineSearch(gallery.matrix).nearest(to: queries, count: count)
      return (0..<queries.rowCount).map { table[$0] }
    }
  }
}
