public import Imaging
internal import Telemetry

/// A picture to choose a threshold by: how similar images are, and pairs of every similarity.
public struct DedupPreview {
  private let store: CurationStore
  private let manifest: StageManifest
  private let pairs: StageTable

  /// Reads what de-duplication has found.
  ///
  /// - Parameter store: The store.
  /// - Throws: ``StoreError`` if de-duplication was not run, or is damaged.
  public init(_ store: CurationStore) throws(StoreError) {
    let stage = StageFolder(store.folder, .dedup)
    let manifest = try stage.needed()
    try manifest.check(store, [:])
    (self.store, self.manifest) = (store, manifest)
    pairs = try stage.table(DedupStage.pairs, manifest)
  }

  /// The plot of similarities.
  var plot: SimilarityPlot {
    var plot = SimilarityPlot(series: [])
    for (name, key) in [("to the nearest image", "nearest"), ("to all neighbours", "similarity")] {
      if let counts = manifest.histograms[key] {
        plot.series.append(.init(name: name, counts: counts))
      }
    }
    if let threshold = manifest.options["threshold"].flatMap({ Double($0) }) {
      let name = "threshold \(NumberFormat.fixed(threshold, decimals: 2))"
      plot.thresholds = [.init(name: name, similarity: threshold)]
    }
    return plot
  }

  /// Pairs from the most similar down, a row for each twentieth.
  ///
  /// - Parameter most: The most pairs of a row.
  /// - Returns: Rows of pictures, each with the similarities that it stands for.
  /// - Throws: ``StoreError`` if a picture cannot be made.
  func rows(most: Int) throws(StoreError) -> [ContactSheet.Row] {
    let thumbnails = Thumbnails(store)
    let (images, others) = (pairs.integers("image"), pairs.integers("other"))
    let similarities = pairs.floats("similarity")
    var rows: [ContactSheet.Row] = []
    var part = 1.0
    while part > -1, rows.count < 14 {
      let found = similarities.indices.filter {
        Double(similarities[$0]) >= part - PairExamples.width
          && (Double(similarities[$0]) < part || part == 1)
      }
      if !found.isEmpty {
        var cells: [ContactSheet.Cell] = []
        for index in found.prefix(most) {
          let caption = NumberFormat.fixed(Double(similarities[index]), decimals: 3)
          guard images[index] < store.records.count, others[index] < store.records.count else {
            continue
          }
          cells.append(try thumbnails.cell(images[index], caption))
          cells.append(try thumbnails.cell(others[index], ""))
        }
        let low = NumberFormat.fixed(part - PairExamples.width, decimals: 2)
        rows.append(
          .init(heading: "\(low) to \(NumberFormat.fixed(part, decimals: 2))", cells: cells))
      }
      // In hundredths, so that the bounds stay what they are called.
      part = ((part - PairExamples.width) * 100).rounded() / 100
    }
    return rows
  }

  /// The picture.
  ///
  /// - Returns: A histogram above pairs.
  /// - Throws: ``StoreError`` if it cannot be drawn.
  public func image() throws(StoreError) -> PixelBuffer {
    let rows = try rows(most: 4)
    do throws(ImageError) {
      let histogram = try plot.drawing(width: 1180, height: 300)
      guard !rows.isEmpty else { return histogram }
      let sheet = try Thumbnails.sheet(rows)
      let size = Size(
        height: histogram.height + sheet.height, width: max(histogram.width, sheet.width))
      var image = try PixelBuffer(size: size, fill: RGB(252, 252, 251))
      image.paste(histogram, top: 0, left: 0)
      image.paste(sheet, top: histogram.height, left: 0)
      return image
    } catch { throw .image(error) }
  }
}
