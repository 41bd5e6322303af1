internal import CResample
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
    let (rowBytes, width, height) = (3 * width, width, height)
    let rows = reflectedIndices(height, radius).map { rowBytes * $0 }
    let columns = reflectedIndices(width, radius)
    return try PixelBuffer(making: size) { target throws(ImageError) in
      let status = storage.withUnsafeBufferPointer { source in
        // Images are not empty, so that both addresses exist.
        guard let from = source.baseAddress, let to = target.baseAddress else { return Int32(-1) }
        return cr_blur(
          from, Int32(height), Int32(width), weights, Int32(kernelSize), rows, columns, to)
      }
      guard status == 0 else {
        throw .usage(
          problem: "memory for blurring an image of \(size) could not be had; use fewer threads")
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
