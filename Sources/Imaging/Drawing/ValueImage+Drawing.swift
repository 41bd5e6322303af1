extension PixelBuffer {
  /// The image with areas of labels laid over it as colours, their rims in full strength.
  ///
  /// - Parameters:
  ///   - labels: The label of each pixel, of the image's size.
  ///   - opacity: How much of the image the areas cover, 0 to 1.
  ///   - rim: The width of the rims in pixels; about a 250th of the shorter side if left out.
  ///   - color: The colour of a label; nil leaves its pixels as they are.
  /// - Returns: The blended image.
  /// - Throws: ``ImageError/usage(problem:)`` if the sizes differ.
  public func overlaid(
    with labels: ValueImage, opacity: Double = 0.45, rim: Int? = nil,
    color: (UInt16) -> RGB?
  ) throws(ImageError) -> PixelBuffer {
    guard labels.size == size else {
      throw .usage(problem: "labels of \(labels.size) cannot be laid over an image of \(size)")
    }
    let colors = Dictionary(
      Set(labels.values).compactMap { label in color(label).map { (label, $0) } },
      uniquingKeysWith: { first, _ in first })
    let rim = max(rim ?? size.shorterSide / 250, 1)
    var result = self
    for row in 0..<height {
      for column in 0..<width {
        guard let color = colors[labels.values[row * width + column]] else { continue }
        let isRim = labels.isRim(row: row, column: column, width: rim)
        result.blend(color, row: row, column: column, coverage: isRim ? 1 : opacity)
      }
    }
    return result
  }
}

extension ValueImage {
  /// Whether another label begins nearer than a width, along the row or the column.
  fileprivate func isRim(row: Int, column: Int, width: Int) -> Bool {
    let own = values[row * size.width + column]
    for step in 1...width {
      for (y, x) in [
        (row - step, column), (row + step, column), (row, column - step), (row, column + step),
      ] where y >= 0 && y < size.height && x >= 0 && x < size.width {
        if values[y * size.width + x] != own { return true }
      }
    }
    return false
  }
}
