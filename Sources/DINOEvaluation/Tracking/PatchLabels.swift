public import DINOModels
public import Imaging

/// How much of each patch belongs to each class, `[N, K]`; class 0 is the background.
public struct PatchLabels: Sendable, Equatable {
  /// Shares, 0 to 1; those of a patch sum to 1.
  public let shares: [Float]
  /// The number of classes, `K`.
  public let classes: Int
  /// The grid, `N` patches.
  public let grid: PatchGrid

  /// Takes over shares.
  ///
  /// - Parameters:
  ///   - shares: The shares, `[N, K]`.
  ///   - classes: The number of classes.
  ///   - grid: The grid.
  /// - Precondition: The number of shares is that of the sizes.
  public init(shares: [Float], classes: Int, grid: PatchGrid) {
    precondition(shares.count == grid.count * classes, "odd labels of patches")
    self.shares = shares
    self.classes = classes
    self.grid = grid
  }

  /// Takes the shares of the pixels of a map; the grid covers the whole map.
  ///
  /// - Parameters:
  ///   - map: The map.
  ///   - objects: The labels of classes 1, 2, …; every other number is background.
  ///   - grid: The grid.
  public init(of map: ValueImage, objects: [UInt16], grid: PatchGrid) {
    let classes = objects.count + 1
    let classOf = Dictionary(
      objects.enumerated().map { ($1, $0 + 1) }, uniquingKeysWith: { first, _ in first })
    let rows = Self.overlaps(map.size.height, grid.height)
    let columns = Self.overlaps(map.size.width, grid.width)
    var shares = [Float](repeating: 0, count: grid.count * classes)
    for (row, rowOverlaps) in rows.enumerated() {
      for (column, columnOverlaps) in columns.enumerated() {
        let start = (row * grid.width + column) * classes
        for (y, height) in rowOverlaps {
          for (x, width) in columnOverlaps {
            let label = map.values[y * map.size.width + x]
            shares[start + (label == 0 ? 0 : classOf[label] ?? 0)] += Float(height * width)
          }
        }
      }
    }
    self.init(shares: shares, classes: classes, grid: grid)
  }

  /// For each cell of an axis the pixels that it covers, and their shares of its length.
  private static func overlaps(_ pixels: Int, _ cells: Int) -> [[(Int, Double)]] {
    let scale = Double(pixels) / Double(cells)
    return (0..<cells).map { cell in
      let (low, high) = (Double(cell) * scale, Double(cell + 1) * scale)
      let last = min(Int(high.rounded(.up)), pixels)
      return (min(Int(low), pixels - 1)..<last).compactMap { pixel in
        let length = min(Double(pixel + 1), high) - max(Double(pixel), low)
        return length > 1e-9 * scale ? (pixel, length / scale) : nil
      }
    }
  }

  /// Each class scaled to the range 0 to 1, as the original does before it decides.
  ///
  /// An object that has faded does not lose to its surroundings then. A class that occurs nowhere stays 0.
  ///
  /// Source: `norm_mask` of the released `eval_video_segmentation`.
  public func scaledByClass() -> PatchLabels {
    var result = shares
    for label in 0..<classes {
      var (low, high) = (Float.infinity, -Float.infinity)
      for index in stride(from: label, to: shares.count, by: classes) {
        low = min(low, shares[index])
        high = max(high, shares[index])
      }
      guard high > 0, high > low else { continue }
      for index in stride(from: label, to: shares.count, by: classes) {
        result[index] = (shares[index] - low) / (high - low)
      }
    }
    return PatchLabels(shares: result, classes: classes, grid: grid)
  }

  /// The largest class of each pixel, after linear interpolation between the middles of patches.
  ///
  /// - Parameters:
  ///   - size: The size of the map; the grid covers it wholly.
  ///   - objects: The labels of classes 1, 2, …
  /// - Returns: The map; of equal classes the first is taken.
  /// - Throws: ``ImageError/usage(problem:)`` if the size is not positive or too large.
  /// - Precondition: There is a label for every class but the background.
  public func labels(at size: Size, objects: [UInt16]) throws(ImageError) -> ValueImage {
    precondition(objects.count == classes - 1, "one label a class is needed")
    let pixels = try PixelBuffer.byteCount(of: size) / 3
    var values = [UInt16](repeating: 0, count: pixels)
    forEachPixel(at: size) { pixel, label, _ in
      if label > 0 { values[pixel] = objects[label - 1] }
    }
    return try ValueImage(values, size: size)
  }

  /// Hands over the largest class of each pixel, and by how much its share leads the next one's.
  func forEachPixel(at size: Size, _ body: (_ pixel: Int, _ label: Int, _ lead: Float) -> Void) {
    let columns = (0..<size.width).map { Self.taps($0, size.width, grid.width) }
    // One line of the grid at the height of a row of pixels, `[w, K]`, so that memory stays small.
    var line = [Float](repeating: 0, count: grid.width * classes)
    for row in 0..<size.height {
      let tap = Self.taps(row, size.height, grid.height)
      let (upper, lower) = (tap.first * line.count, tap.second * line.count)
      for index in line.indices {
        line[index] = Self.mix(shares[upper + index], shares[lower + index], tap.weight)
      }
      for (column, tap) in columns.enumerated() {
        let (left, right) = (tap.first * classes, tap.second * classes)
        var best = (label: 0, share: -Float.infinity)
        var second: Float = 0
        for label in 0..<classes {
          let share = Self.mix(line[left + label], line[right + label], tap.weight)
          if share > best.share {
            second = max(best.share, 0)
            best = (label, share)
          } else {
            second = max(second, share)
          }
        }
        body(row * size.width + column, best.label, best.share - second)
      }
    }
  }

  private static func mix(_ a: Float, _ b: Float, _ weight: Float) -> Float { a + weight * (b - a) }

  /// The cells whose middles lie around the middle of a pixel, and the weight of the second.
  private static func taps(
    _ pixel: Int, _ pixels: Int, _ cells: Int
  ) -> (first: Int, second: Int, weight: Float) {
    let place = max((Double(pixel) + 0.5) * Double(cells) / Double(pixels) - 0.5, 0)
    let first = min(Int(place), cells - 1)
    return (first, min(first + 1, cells - 1), Float(place - Double(first)))
  }
}
