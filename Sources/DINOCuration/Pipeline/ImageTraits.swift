public import Imaging

/// What tells at a glance whether an image is of use: how bright and how sharp it is.
public struct ImageTraits: Sendable, Equatable {
  /// The mean brightness, 0 (black) to 1 (white), by the weights of ITU-R BT.601.
  public let luma: Float
  /// The variance of the Laplacian of the brightness (0 to 255), of the image with a shorter side of at
  /// most ``side`` pixels; below about 20 an image is blurred or empty.
  ///
  /// Source: Pech-Pacheco et al., 2000, the measure LAPV.
  public let sharpness: Float

  /// The shorter side at which images are compared, in pixels.
  public static let side = 224

  /// Known traits.
  init(luma: Float, sharpness: Float) { (self.luma, self.sharpness) = (luma, sharpness) }

  /// Looks at an image.
  ///
  /// - Parameter image: The image.
  /// - Throws: ``ImageError`` if it cannot be resized.
  public init(_ image: PixelBuffer) throws(ImageError) {
    let small = try Self.reduced(image)
    let (height, width) = (small.height, small.width)
    var sum = 0.0
    var gray = [Int32](repeating: 0, count: height * width)
    unsafe small.withUnsafeBytes { bytes in
      for index in gray.indices {
        // Weights of 299, 587 and 114 thousandths in 16-bit fixed point, as Pillow.
        let (red, green, blue) = unsafe (
          Int32(bytes[3 * index]), Int32(bytes[3 * index + 1]), Int32(bytes[3 * index + 2])
        )
        gray[index] = (19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16
      }
    }
    for value in gray { sum += Double(value) }
    luma = Float(sum / Double(255 * gray.count))
    sharpness = Self.laplacianVariance(gray, height: height, width: width)
  }

  private static func reduced(_ image: PixelBuffer) throws(ImageError) -> PixelBuffer {
    let shorter = min(image.height, image.width)
    guard shorter > side else { return image }
    // A panorama is squeezed: its length costs and says nothing.
    func length(_ pixels: Int) -> Int { min(pixels * side / shorter, 4 * side) }
    let size = Size(height: length(image.height), width: length(image.width))
    return try image.resized(to: size, filter: .box)
  }

  private static func laplacianVariance(_ gray: [Int32], height: Int, width: Int) -> Float {
    guard height > 2, width > 2 else { return 0 }
    var (sum, squares) = (0.0, 0.0)
    unsafe gray.withUnsafeBufferPointer { gray in
      for row in 1..<(height - 1) {
        var (rowSum, rowSquares): (Int, Int) = (0, 0)
        for column in 1..<(width - 1) {
          let place = row * width + column
          let value = unsafe Int(
            gray[place - width] + gray[place + width] + gray[place - 1] + gray[place + 1]
              - 4 * gray[place])
          rowSum += value
          rowSquares += value * value
        }
        sum += Double(rowSum)
        squares += Double(rowSquares)
      }
    }
    let count = Double((height - 2) * (width - 2))
    let mean = sum / count
    return Float(max(squares / count - mean * mean, 0))
  }
}
