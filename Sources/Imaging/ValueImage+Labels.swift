extension ValueImage {
  /// The labels that occur, other than 0, in ascending order.
  public var labels: [UInt16] { Set(values).subtracting([0]).sorted() }

  /// The labels of objects, in ascending order.
  ///
  /// 255 is void, unless it is the only label: then the mask is black and white, and white an object.
  public var objects: [UInt16] { labels == [255] ? [255] : labels.filter { $0 != 255 } }

  /// The number of pixels of each label; of those that do not occur 0.
  ///
  /// - Parameter labels: The labels.
  /// - Returns: Pixels by label.
  public func areas(of labels: [UInt16]) -> [UInt16: Int] {
    var counts = [Int](repeating: 0, count: 1 << 16)
    for value in values { counts[Int(value)] += 1 }
    return Dictionary(
      labels.map { ($0, counts[Int($0)]) }, uniquingKeysWith: { first, _ in first })
  }

  /// The image in another size; each pixel takes the number of the nearest one.
  ///
  /// - Parameter target: The size.
  /// - Returns: The enlarged or reduced image.
  /// - Throws: ``ImageError/usage(problem:)`` if the size is not positive or too large.
  public func resizedToNearest(_ target: Size) throws(ImageError) -> ValueImage {
    if target == size { return self }
    let count = try PixelBuffer.byteCount(of: target) / 3
    func nearest(_ inputs: Int, _ outputs: Int) -> [Int] {
      (0..<outputs).map {
        min(Int((Double($0) + 0.5) * Double(inputs) / Double(outputs)), inputs - 1)
      }
    }
    let columns = nearest(size.width, target.width)
    var result: [UInt16] = []
    result.reserveCapacity(count)
    for row in nearest(size.height, target.height) {
      for column in columns { result.append(values[row * size.width + column]) }
    }
    return try ValueImage(result, size: target, largest: largest)
  }
}
