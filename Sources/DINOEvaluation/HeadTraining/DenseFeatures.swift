internal import CheckpointFormats
package import DINOModels
internal import Imaging
package import Torch

/// Tokens of images after chosen blocks, image by image: the class token, then the patches row by row.
///
/// Rows hold the blocks side by side, `L · D` values; they are mapped from a file, so a set may be larger
/// than the memory.
package struct DenseFeatures {
  /// Where the tokens of an image are.
  package struct Place: Sendable, Equatable {
    /// The patches.
    package let grid: PatchGrid
    /// The row of the class token.
    package let firstRow: Int

    /// Notes a place.
    package init(grid: PatchGrid, firstRow: Int) {
      self.grid = grid
      self.firstRow = firstRow
    }
  }

  /// `[rows, L · D]`, float32.
  package let rows: Tensor
  /// The number of blocks, `L`.
  package let blocks: Int
  /// Where the tokens of each image are; nil for an image that could not be read.
  package let places: [Place?]
  /// Images that could not be read, one line each.
  package let failures: [String]
  /// Whether the tokens were computed by an earlier run.
  package let isCached: Bool

  /// Puts tokens and places together.
  package init(
    rows: Tensor, blocks: Int, places: [Place?], failures: [String] = [], isCached: Bool = false
  ) {
    self.rows = rows
    self.blocks = blocks
    self.places = places
    self.failures = failures
    self.isCached = isCached
  }

  /// The width of a token, `D`.
  package var embedDim: Int { (rows.shape.last ?? 0) / max(blocks, 1) }

  /// The class token of an image, `[1, L · D]`.
  package func clsToken(_ place: Place) throws(TorchError) -> Tensor {
    try rows.narrow(dim: 0, place.firstRow..<place.firstRow + 1)
  }

  /// The patches of an image, `[N, L · D]`.
  package func patches(_ place: Place) throws(TorchError) -> Tensor {
    try rows.narrow(dim: 0, place.firstRow + 1..<place.firstRow + 1 + place.grid.count)
  }
}

/// What is written beside the rows of ``DenseFeatures``, line by line.
///
/// The first line is the key; `=height width` stands for an image, `-reason` for one that could not be read.
struct DenseJournal: Equatable {
  var key: String
  var lines: [String] = []

  mutating func add(_ grid: PatchGrid) { lines.append("=\(grid.height) \(grid.width)") }
  mutating func add(failure: String) { lines.append("-" + failure.onOneLine) }

  var text: String { ([key] + lines).map { $0 + "\n" }.joined() }

  init(key: String) { self.key = key }

  /// Reads a journal; nil if it was not written for the key or is damaged.
  init?(_ text: String, key: String) {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
      .map(String.init)
    guard !lines.isEmpty, lines.removeFirst() == key else { return nil }
    self.key = key
    self.lines = lines
    guard places() != nil else { return nil }
  }

  /// The places of the images, the failures, and the number of rows.
  func places() -> (places: [DenseFeatures.Place?], failures: [String], rows: Int)? {
    var places: [DenseFeatures.Place?] = []
    var failures: [String] = []
    var rows = 0
    for line in lines {
      if line.hasPrefix("-") {
        failures.append(String(line.dropFirst()))
        places.append(nil)
        continue
      }
      let sizes = line.dropFirst().split(separator: " ").compactMap { Int($0) }
      guard line.hasPrefix("="), sizes.count == 2, sizes.allSatisfy({ (1...65_535).contains($0) })
      else { return nil }
      let grid = PatchGrid(height: sizes[0], width: sizes[1])
      places.append(DenseFeatures.Place(grid: grid, firstRow: rows))
      rows += 1 + grid.count
    }
    return (places, failures, rows)
  }
}
