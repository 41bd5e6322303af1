/// A small map of numbers over an image, for example similarities of patches.
public struct ValueMap: Sendable, Equatable {
  /// The size.
  public let size: Size
  /// The numbers, `[height, width]`.
  public let values: [Float]

  /// Creates a map.
  ///
  /// - Parameters:
  ///   - values: The numbers, `[height, width]`.
  ///   - size: The size; both sides at least 1.
  /// - Throws: ``ImageError/usage(problem:)`` if the number of values does not fit the size.
  public init(_ values: [Float], size: Size) throws(ImageError) {
    guard try PixelBuffer.byteCount(of: size) == 3 * values.count else {
      throw .usage(problem: "a map of \(size) does not have \(values.count) values")
    }
    self.size = size
    self.values = values
  }

  /// The least and the greatest finite number; 0 to 1 if there is none.
  public var range: ClosedRange<Float> {
    var (low, high) = (Float.infinity, -Float.infinity)
    for value in values where value.isFinite {
      low = min(low, value)
      high = max(high, value)
    }
    return low <= high ? low...high : 0...1
  }

  /// The map in another size.
  ///
  /// - Parameters:
  ///   - target: The size.
  ///   - isSmooth: Whether values between are interpolated linearly; otherwise the nearest is taken.
  /// - Returns: The enlarged or reduced map.
  /// - Throws: ``ImageError/usage(problem:)`` if the size is not positive or too large.
  public func resized(to target: Size, isSmooth: Bool = true) throws(ImageError) -> ValueMap {
    _ = try PixelBuffer.byteCount(of: target)
    let rows = ValueMap.taps(size.height, target.height, isSmooth)
    let columns = ValueMap.taps(size.width, target.width, isSmooth)
    var result: [Float] = []
    result.reserveCapacity(target.height * target.width)
    for row in rows {
      for column in columns {
        func value(_ r: Int, _ c: Int) -> Float { values[r * size.width + c] }
        let upper = mix(
          value(row.first, column.first), value(row.first, column.second), column.weight)
        if row.weight == 0 {
          result.append(upper)
        } else {
          let lower = mix(
            value(row.second, column.first), value(row.second, column.second), column.weight)
          result.append(mix(upper, lower, row.weight))
        }
      }
    }
    return try ValueMap(result, size: target)
  }

  /// The two neighbours of each output along an axis and the weight of the second.
  private static func taps(
    _ inputs: Int, _ outputs: Int, _ isSmooth: Bool
  ) -> [(first: Int, second: Int, weight: Float)] {
    (0..<outputs).map { output in
      let center = (Double(output) + 0.5) * Double(inputs) / Double(outputs)
      if !isSmooth {
        let nearest = min(Int(center), inputs - 1)
        return (nearest, nearest, 0)
      }
      let position = max(center - 0.5, 0)
      let first = min(Int(position), inputs - 1)
      return (first, min(first + 1, inputs - 1), Float(position - Double(first)))
    }
  }

  private func mix(_ a: Float, _ b: Float, _ weight: Float) -> Float {
    weight == 0 ? a : a + weight * (b - a)
  }

  /// The map as a picture.
  ///
  /// - Parameters:
  ///   - colorMap: The colours.
  ///   - range: The numbers of the first and last colour; nil for the map's own range.
  ///   - missing: The colour of numbers that are not finite.
  /// - Returns: A picture of the map's size.
  /// - Throws: ``ImageError/usage(problem:)`` if the picture is too large.
  public func colored(
    _ colorMap: ColorMap = .viridis, range: ClosedRange<Float>? = nil,
    missing: RGB = RGB(128, 128, 128)
  ) throws(ImageError) -> PixelBuffer {
    let table = colorMap.table
    let range = range ?? self.range
    return try PixelBuffer(making: size) { target throws(ImageError) in
      for (index, value) in values.enumerated() {
        let level = ValueMap.level(value, range)
        target.set(level.map { table[Int(($0 * 255).rounded())] } ?? missing, at: index)
      }
    }
  }

  /// Where a number lies in a range, 0 to 1; nil if it is not finite.
  fileprivate static func level(_ value: Float, _ range: ClosedRange<Float>) -> Float? {
    guard value.isFinite else { return nil }
    let width = range.upperBound - range.lowerBound
    guard width > 0, width.isFinite else { return 0.5 }
    return min(max((value - range.lowerBound) / width, 0), 1)
  }
}

extension PixelBuffer {
  /// The image with a map laid over it as colour.
  ///
  /// - Parameters:
  ///   - map: The map, enlarged to the image.
  ///   - colorMap: The colours.
  ///   - range: The numbers of the first and last colour; nil for the map's own range.
  ///   - opacity: How much of the image is covered, 0 to 1.
  ///   - fadesLow: Whether low numbers cover less, so that the image shows through.
  ///   - isSmooth: Whether the map is interpolated; otherwise its cells are visible.
  /// - Returns: The blended image.
  /// - Throws: ``ImageError/usage(problem:)`` if the picture is too large.
  public func overlaid(
    with map: ValueMap, colorMap: ColorMap = .viridis, range: ClosedRange<Float>? = nil,
    opacity: Double = 0.6, fadesLow: Bool = false, isSmooth: Bool = true
  ) throws(ImageError) -> PixelBuffer {
    let large = try map.resized(to: size, isSmooth: isSmooth)
    let range = range ?? map.range
    let table = colorMap.table
    var result = self
    let (height, width) = (height, width)
    for row in 0..<height {
      for column in 0..<width {
        guard let level = ValueMap.level(large.values[row * width + column], range) else {
          continue
        }
        let cover = fadesLow ? opacity * Double(level) : opacity
        result.blend(
          table[Int((level * 255).rounded())], row: row, column: column, coverage: cover)
      }
    }
    return result
  }

  /// The image in another size, each pixel the nearest one: for maps whose cells shall be visible.
  ///
  /// - Parameter target: The size.
  /// - Returns: The enlarged or reduced image.
  /// - Throws: ``ImageError/usage(problem:)`` if the size is not positive or too large.
  public func resizedToNearest(_ target: Size) throws(ImageError) -> PixelBuffer {
    let (height, width) = (height, width)
    return try PixelBuffer(making: target) { bytes throws(ImageError) in
      storage.withUnsafeBufferPointer { source in
        for row in 0..<target.height {
          let from = min(
            Int((Double(row) + 0.5) * Double(height) / Double(target.height)), height - 1)
          for column in 0..<target.width {
            let other = min(
              Int((Double(column) + 0.5) * Double(width) / Double(target.width)), width - 1)
            let at = 3 * (from * width + other)
            bytes.set(
              RGB(source[at], source[at + 1], source[at + 2]), at: row * target.width + column)
          }
        }
      }
    }
  }
}
