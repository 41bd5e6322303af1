internal import Glibc
public import Imaging

/// Smooths a map of numbers inside the areas of an image, but not across its edges.
///
/// For values `y` with confidences `c`, the result is the quotient of two smoothed maps, `c·y` and `c`:
/// where confidence is low, values flow in from neighbours of similar colour. Each map is smoothed by
/// minimising
///
///     Σ (u − y)² + λ Σ w (u − u′)²,   w = exp(−|colour − colour′| / σ)
///
/// over neighbouring pixels, along rows and columns in turn, three times with falling λ. Each line is one
/// tridiagonal system, so that time grows with the number of pixels and with nothing else.
///
/// Source: Min et al., Fast global image smoothing based on weighted least squares, 2014, algorithm 1 and
/// equation 10.
public struct EdgeAwareSmoothing {
  /// The size of the image.
  public let size: Size
  /// `w` to the pixel on the right, `[height, width]`; 0 in the last column.
  private let right: [Float]
  /// `w` to the pixel below, `[height, width]`; 0 in the last row.
  private let below: [Float]

  /// Finds the edges of an image.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - tolerance: `σ`: the distance of colours, of 255 per channel, at which little flows any more.
  /// - Precondition: The tolerance is above 0.
  public init(edgesOf image: PixelBuffer, tolerance: Double) {
    precondition(tolerance > 0, "the tolerance of colours must be above 0")
    let (height, width) = (image.height, image.width)
    var right = [Float](repeating: 0, count: height * width)
    var below = right
    let factor = Float(-1 / tolerance)
    unsafe image.withUnsafeBytes { bytes in
      func weight(_ a: Int, _ b: Int) -> Float {
        var square: Float = 0
        for channel in 0..<3 {
          let step = unsafe Float(bytes[3 * a + channel]) - Float(bytes[3 * b + channel])
          square += step * step
        }
        return expf(square.squareRoot() * factor)
      }
      for row in 0..<height {
        for column in 0..<width {
          let pixel = row * width + column
          if column + 1 < width { right[pixel] = weight(pixel, pixel + 1) }
          if row + 1 < height { below[pixel] = weight(pixel, pixel + width) }
        }
      }
    }
    size = image.size
    self.right = right
    self.below = below
  }

  /// Smooths a map.
  ///
  /// - Parameters:
  ///   - values: `y`, `[height, width]`.
  ///   - confidence: `c`, `[height, width]`, 0 or more; 1 everywhere if nil.
  ///   - reach: `√λ`: about how many pixels a value flows through an even area.
  /// - Returns: The smoothed values, between the least and the largest of `y`.
  /// - Precondition: The counts are those of the image.
  public func callAsFunction(
    _ values: [Float], confidence: [Float]? = nil, reach: Double
  ) -> [Float] {
    precondition(
      values.count == right.count && confidence?.count ?? values.count == values.count,
      "an odd map to smooth")
    guard let confidence else { return smoothed(values, reach: reach) }
    let sums = smoothed(zip(values, confidence).map { $0 * $1 }, reach: reach)
    let weights = smoothed(confidence, reach: reach)
    return zip(zip(sums, weights), values).map { pair, value in
      pair.1 > 1e-12 ? pair.0 / pair.1 : value
    }
  }

  /// The number of turns over rows and columns.
  private static let turns = 3

  private func smoothed(_ values: [Float], reach: Double) -> [Float] {
    var values = values
    for turn in 1...Self.turns {
      // Equation 10: most of the smoothing comes first, so that streaks of the early turns vanish.
      let lambda =
        1.5 * pow(4, Double(Self.turns - turn)) / (pow(4, Double(Self.turns)) - 1) * reach * reach
      for row in 0..<size.height {
        Self.solve(
          &values, weights: right, Float(lambda),
          Line(start: row * size.width, step: 1, count: size.width))
      }
      solveColumns(&values, Float(lambda))
    }
    return values
  }

  private struct Line {
    let start: Int
    let step: Int
    let count: Int
  }

  /// Solves the tridiagonal system of one line by elimination (Thomas).
  private static func solve(
    _ values: inout [Float], weights: [Float], _ lambda: Float, _ line: Line
  ) {
    var factors = [Float](repeating: 0, count: line.count)
    var before: Float = 0
    var factor: Float = 0
    var last: Float = 0
    for index in 0..<line.count {
      let pixel = line.start + index * line.step
      let after = index + 1 < line.count ? lambda * weights[pixel] : 0
      let pivot = 1 / (1 + before + after - before * factor)
      last = (values[pixel] + before * last) * pivot
      values[pixel] = last
      factor = after * pivot
      factors[index] = factor
      before = after
    }
    for index in stride(from: line.count - 2, through: 0, by: -1) {
      let pixel = line.start + index * line.step
      values[pixel] += factors[index] * values[pixel + line.step]
    }
  }

  /// The same for all columns at once, row after row, so that memory is read in order.
  private func solveColumns(_ values: inout [Float], _ lambda: Float) {
    let width = size.width
    var factors = [Float](repeating: 0, count: values.count)
    for row in 0..<size.height {
      let start = row * width
      for pixel in start..<start + width {
        let after = row + 1 < size.height ? lambda * below[pixel] : 0
        var (before, factor, last): (Float, Float, Float) = (0, 0, 0)
        if row > 0 {
          before = lambda * below[pixel - width]
          factor = factors[pixel - width]
          last = values[pixel - width]
        }
        let pivot = 1 / (1 + before + after - before * factor)
        values[pixel] = (values[pixel] + before * last) * pivot
        factors[pixel] = after * pivot
      }
    }
    for row in stride(from: size.height - 2, through: 0, by: -1) {
      for pixel in row * width..<(row + 1) * width {
        values[pixel] += factors[pixel] * values[pixel + width]
      }
    }
  }
}
