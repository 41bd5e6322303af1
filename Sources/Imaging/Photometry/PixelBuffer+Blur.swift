internal import Glibc

extension PixelBuffer {
  /// The image blurred as torchvision blurs it: weights `exp(-x² / 2σ²)`, edges reflected, rounded to even.
  ///
  /// The two passes are separate, in single precision; torchvision multiplies the weights first, so that a value
  /// very close to a half may be rounded the other way.
  ///
  /// - Parameters:
  ///   - sigma: The standard deviation in pixels; must be positive.
  ///   - kernelSize: The number of weights, odd; the original uses 9.
  /// - Returns: The blurred image.
  /// - Throws: ``ImageError/usage(problem:)`` if a parameter is out of range.
  public func gaussianBlurred(
    sigma: Double, kernelSize: Int = 9
  ) throws(ImageError) -> PixelBuffer {
    guard sigma > 0, sigma.isFinite, kernelSize > 0, kernelSize % 2 == 1, kernelSize < 1000 else {
      throw .usage(
        problem: "a blur with sigma \(sigma) and \(kernelSize) weights cannot be; sigma must be "
          + "positive and the number odd")
    }
    let radius = kernelSize / 2
    var weights = (-radius...radius).map { offset in
      let x = Float(offset) / Float(sigma)
      return expf(-0.5 * (x * x))
    }
    let sum = weights.reduce(0, +)
    weights = weights.map { $0 / sum }
    let rows = reflectedIndices(height, radius)
    let columns = reflectedIndices(width, radius)
    let (height, width) = (height, width)
    // The reflected columns of a row come first, so that the sums run over memory in order.
    return try PixelBuffer(making: size) { target throws(ImageError) in
      storage.withUnsafeBufferPointer { source in
        var line = [Float](repeating: 0, count: 3 * (width + 2 * radius))
        var result = [Float](repeating: 0, count: 3 * width)
        for row in 0..<height {
          let middle = 3 * radius
          for index in 0..<3 * width { line[middle + index] = 0 }
          for (tap, weight) in weights.enumerated() {
            let from = 3 * width * rows[row + tap]
            for index in 0..<3 * width {
              line[middle + index] += weight * Float(source[from + index])
            }
          }
          for side in [0..<radius, width + radius..<width + 2 * radius] {
            for position in side {
              for channel in 0..<3 {
                line[3 * position + channel] = line[middle + 3 * columns[position] + channel]
              }
            }
          }
          for index in 0..<3 * width { result[index] = 0 }
          for (tap, weight) in weights.enumerated() {
            for index in 0..<3 * width { result[index] += weight * line[3 * tap + index] }
          }
          for index in 0..<3 * width {
            target[3 * width * row + index] = UInt8(
              min(max(result[index].rounded(.toNearestOrEven), 0), 255))
          }
        }
      }
    }
  }
}

/// The positions from `-radius` to `count + radius - 1`, reflected at the first and last into `0 ..< count`.
private func reflectedIndices(_ count: Int, _ radius: Int) -> [Int] {
  guard count > 1 else { return [Int](repeating: 0, count: count + 2 * radius) }
  let period = 2 * (count - 1)
  return (-radius..<count + radius).map { position in
    let phase = ((position % period) + period) % period
    return min(phase, period - phase)
  }
}
