internal import Foundation

/// Masks of a grid of patches, made of rectangular blocks.
///
/// Blocks are added until the wanted number is reached; a block covers between 4 patches and what is
/// missing, with an aspect ratio between 0.3 and 1 / 0.3. After ten blocks in a row that do not fit it
/// stops, so that a mask may have fewer patches than wanted, unless the rest is filled in.
///
/// Source: Bao et al., 2022 (BEiT), algorithm 1; Oquab et al., 2023, appendix B.1.
public struct MaskingGenerator: Equatable, Sendable {
  /// Rows of the grid.
  public let height: Int
  /// Columns of the grid.
  public let width: Int
  /// The fewest patches that the area of a block is drawn from.
  public var minPatches = 4
  /// The most patches of a block; the original's need not be whole.
  public var maxPatches: Double
  /// The least ratio of height to width; one over it is the largest.
  public var minAspect = 0.3
  /// Whether patches are added at random until the wanted number is exact, as DINOv3 does.
  public var isExact = false

  private static let attempts = 10

  /// Creates a generator.
  ///
  /// - Parameters:
  ///   - height: Rows of the grid.
  ///   - width: Columns of the grid.
  ///   - maxPatches: The most patches of a block; half of the grid if left out.
  public init(height: Int, width: Int, maxPatches: Double? = nil) {
    self.height = height
    self.width = width
    self.maxPatches = maxPatches ?? Double(height * width) / 2
  }

  /// The generator of square crops.
  ///
  /// Blocks have at most `0.5 · size // patch · size // patch` patches, computed from left to right,
  /// which is less than half of a grid with an odd side.
  ///
  /// - Parameters:
  ///   - size: The side of the crop in pixels.
  ///   - patch: The side of a patch in pixels.
  public init(size: Int, patch: Int) {
    let side = size / patch
    let half = (0.5 * Double(size) / Double(patch)).rounded(.down)
    let most = (half * Double(size) / Double(patch)).rounded(.down)
    self.init(height: side, width: side, maxPatches: most)
  }

  /// Draws a mask.
  ///
  /// - Parameters:
  ///   - count: The wanted number of patches.
  ///   - source: The draws.
  /// - Returns: True for each masked patch, row by row.
  package func mask<Source: DrawSource>(_ count: Int, _ source: inout Source) -> [Bool] {
    var mask = [Bool](repeating: false, count: height * width)
    var masked = 0
    while masked < count {
      let added = addBlock(to: &mask, atMost: min(Double(count - masked), maxPatches), &source)
      guard added > 0 else { break }
      masked += added
    }
    if isExact, masked < count { fill(&mask, count - masked, &source) }
    return mask
  }

  /// Adds one block.
  ///
  /// - Returns: How many patches are new; 0 if no attempt fits.
  private func addBlock<Source: DrawSource>(
    to mask: inout [Bool], atMost most: Double, _ source: inout Source
  ) -> Int {
    let bound = log(1 / minAspect)
    for _ in 0..<Self.attempts {
      let area = source.uniform(Double(minPatches), most)
      let aspect = exp(source.uniform(-bound, bound))
      let rows = Int((area * aspect).squareRoot().rounded(.toNearestOrEven))
      let columns = Int((area / aspect).squareRoot().rounded(.toNearestOrEven))
      guard rows < height, columns < width else { continue }
      let top = source.integer(0...height - rows)
      let left = source.integer(0...width - columns)
      let places = (top..<top + rows).flatMap { row in
        (left..<left + columns).map { row * width + $0 }
      }
      let new = places.filter { !mask[$0] }
      guard !new.isEmpty, Double(new.count) <= most else { continue }
      for place in new { mask[place] = true }
      return new.count
    }
    return 0
  }

  private func fill<Source: DrawSource>(
    _ mask: inout [Bool], _ count: Int, _ source: inout Source
  ) {
    let free = mask.indices.filter { !mask[$0] }
    for position in source.order(free.count).prefix(count) { mask[free[position]] = true }
  }
}
