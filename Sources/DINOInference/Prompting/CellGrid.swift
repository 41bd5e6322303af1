internal import DINOModels
internal import Imaging

/// The cells of an image on which regions grow: each patch is parted into `factor` by `factor` cells.
///
/// A cell has the mean colour of its pixels and a token that is interpolated between the middles of patches.
/// The mean token of the image is taken off before cosines are taken: what all patches share does not tell
/// them apart. Where next to nothing is left, cosines go towards 0: noise tells nothing either.
struct CellGrid {
  let height: Int
  let width: Int
  /// Tokens of about length 1, `[cells, D]`.
  private let tokens: [Float]
  private let tokenWidth: Int
  /// Mean colours, `[cells, 3]`, 0 to 255.
  private let colors: [Float]

  var count: Int { height * width }

  /// Differences from the mean token below this share of a token's length count little.
  private static let leastDifference: Float = 0.1

  /// Makes the cells of an image.
  ///
  /// - Parameters:
  ///   - patches: The image's patches; they cover it wholly.
  ///   - image: The image, of any size.
  ///   - factor: How many cells a patch has along a side.
  /// - Throws: ``ImageError`` if the image cannot be resized.
  init(_ patches: PatchMap, of image: PixelBuffer, factor: Int) throws(ImageError) {
    (height, width) = (patches.grid.height * factor, patches.grid.width * factor)
    tokenWidth = patches.width
    tokens = Self.tokens(patches, factor)
    let small = try image.resized(to: Size(height: height, width: width), filter: .box)
    colors = small.storage.map(Float.init)
  }

  private static func tokens(_ patches: PatchMap, _ factor: Int) -> [Float] {
    let (grid, d) = (patches.grid, patches.width)
    var mean = [Float](repeating: 0, count: d)
    for (index, value) in patches.values.enumerated() { mean[index % d] += value }
    for index in mean.indices { mean[index] /= Float(grid.count) }
    let meanSquare = patches.values.reduce(0) { $0 + $1 * $1 } / Float(grid.count)
    let least = leastDifference * leastDifference * meanSquare
    func taps(_ cell: Int, _ count: Int) -> (first: Int, second: Int, weight: Float) {
      let place = max((Float(cell) + 0.5) / Float(factor) - 0.5, 0)
      let first = min(Int(place), count - 1)
      return (first, min(first + 1, count - 1), place - Float(first))
    }
    var result: [Float] = []
    result.reserveCapacity(grid.count * factor * factor * d)
    for row in 0..<grid.height * factor {
      let y = taps(row, grid.height)
      for column in 0..<grid.width * factor {
        let x = taps(column, grid.width)
        let corners = [
          (y.first * grid.width + x.first) * d, (y.first * grid.width + x.second) * d,
          (y.second * grid.width + x.first) * d, (y.second * grid.width + x.second) * d,
        ]
        let start = result.count
        var square: Float = 0
        for index in 0..<d {
          let upper = patches.values[corners[0] + index] * (1 - x.weight)
          let upperRight = patches.values[corners[1] + index] * x.weight
          let lower = patches.values[corners[2] + index] * (1 - x.weight)
          let lowerRight = patches.values[corners[3] + index] * x.weight
          let value =
            (upper + upperRight) * (1 - y.weight) + (lower + lowerRight) * y.weight - mean[index]
          square += value * value
          result.append(value)
        }
        guard square + least > 0 else { continue }
        let scale = 1 / (square + least).squareRoot()
        for index in start..<start + d { result[index] *= scale }
      }
    }
    return result
  }

  /// The cosine of the tokens of two cells.
  func cosine(_ a: Int, _ b: Int) -> Float {
    let (first, second) = (a * tokenWidth, b * tokenWidth)
    var sum: Float = 0
    for index in 0..<tokenWidth { sum += tokens[first + index] * tokens[second + index] }
    return sum
  }

  /// The distance of the colours of two cells.
  func colorDistance(_ a: Int, _ b: Int) -> Float {
    var square: Float = 0
    for channel in 0..<3 {
      let step = colors[3 * a + channel] - colors[3 * b + channel]
      square += step * step
    }
    return square.squareRoot()
  }
}
