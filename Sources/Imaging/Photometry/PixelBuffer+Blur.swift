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
    let pass = BlurPass(weights: weights, radius: radius, columns: columns, width: width)
    return try PixelBuffer(making: size) { target throws(ImageError) in
      storage.withUnsafeBufferPointer { source in
        for row in 0..<height {
          pass.blur(
            rows: rows[row..<row + kernelSize].map { 3 * width * $0 }, of: source,
            into: UnsafeMutableBufferPointer(
              rebasing: target[3 * width * row..<3 * width * (row + 1)]))
        }
      }
    }
  }
}

/// Blurs one row after the other.
private struct BlurPass {
  let weights: [Float]
  let radius: Int
  let columns: [Int]
  let width: Int

  /// Blurs down, widens the row by its reflected columns, and blurs across.
  func blur(
    rows: [Int], of source: UnsafeBufferPointer<UInt8>,
    into target: UnsafeMutableBufferPointer<UInt8>
  ) {
    let count = 3 * width
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * count + 6 * radius) { memory in
      memory.initialize(repeating: 0)
      let line = UnsafeMutableBufferPointer(rebasing: memory[..<(count + 6 * radius)])
      let result = UnsafeMutableBufferPointer(rebasing: memory[(count + 6 * radius)...])
      for (weight, start) in zip(weights, rows) {
        for index in 0..<count {
          line[3 * radius + index] += weight * Float(source[start + index])
        }
      }
      for side in [0..<radius, width + radius..<width + 2 * radius] {
        for position in side {
          for channel in 0..<3 {
            line[3 * position + channel] = line[3 * (radius + columns[position]) + channel]
          }
        }
      }
      for (tap, weight) in weights.enumerated() {
        for index in 0..<count { result[index] += weight * line[3 * tap + index] }
      }
      for index in 0..<count {
        // Adding and taking away 1.5 * 2^23 rounds to even.
        let rounded = (result[index] + 12_582_912) - 12_582_912
        target[index] = UInt8(min(max(rounded, 0), 255))
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
