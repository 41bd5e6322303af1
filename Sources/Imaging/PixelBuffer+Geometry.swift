extension PixelBuffer {
  /// The part of the image inside a rectangle.
  ///
  /// - Parameter region: A rectangle that lies in the image.
  /// - Returns: A copy of that part.
  /// - Throws: ``ImageError/usage(problem:)`` if the rectangle is empty or not inside the image.
  public func cropped(to region: Region) throws(ImageError) -> PixelBuffer {
    guard region.lies(in: size) else {
      throw .usage(problem: "the crop \(region) does not lie in an image of \(size)")
    }
    if region.size == size { return self }
    let rowBytes = 3 * region.width
    return try PixelBuffer(making: region.size) { target throws(ImageError) in
      storage.withUnsafeBufferPointer { source in
        for row in 0..<region.height {
          let from = 3 * ((region.top + row) * width + region.left)
          _ = UnsafeMutableBufferPointer(rebasing: target[row * rowBytes..<(row + 1) * rowBytes])
            .update(fromContentsOf: source[from..<from + rowBytes])
        }
      }
    }
  }

  /// The image with left and right exchanged.
  public func flippedHorizontally() -> PixelBuffer {
    var result = self
    let width = width
    result.withUnsafeMutableBytes { bytes in
      for row in 0..<height {
        var (left, right) = (3 * row * width, 3 * ((row + 1) * width - 1))
        while left < right {
          for channel in 0..<3 { bytes.swapAt(left + channel, right + channel) }
          left += 3
          right -= 3
        }
      }
    }
    return result
  }

  /// The image with top and bottom exchanged.
  public func flippedVertically() -> PixelBuffer {
    var result = self
    let rowBytes = 3 * width
    result.withUnsafeMutableBytes { bytes in
      for row in 0..<height / 2 {
        let other = height - 1 - row
        for index in 0..<rowBytes {
          bytes.swapAt(row * rowBytes + index, other * rowBytes + index)
        }
      }
    }
    return result
  }

  /// The image with rows and columns exchanged.
  public func transposed() throws(ImageError) -> PixelBuffer {
    let (height, width) = (height, width)
    return try PixelBuffer(making: Size(height: width, width: height)) {
      target throws(ImageError) in
      storage.withUnsafeBufferPointer { source in
        for row in 0..<height {
          for column in 0..<width {
            let (from, to) = (3 * (row * width + column), 3 * (column * height + row))
            for channel in 0..<3 { target[to + channel] = source[from + channel] }
          }
        }
      }
    }
  }

  /// The image as it is meant to be seen according to its EXIF orientation.
  ///
  /// - Parameter orientation: The EXIF value, 1 to 8; any other value changes nothing.
  /// - Returns: The turned or mirrored image.
  /// - Throws: ``ImageError`` only if memory for the result is refused.
  public func oriented(_ orientation: Int) throws(ImageError) -> PixelBuffer {
    switch orientation {
    case 2: flippedHorizontally()
    case 3: flippedHorizontally().flippedVertically()
    case 4: flippedVertically()
    case 5: try transposed()
    case 6: try transposed().flippedHorizontally()
    case 7: try transposed().flippedHorizontally().flippedVertically()
    case 8: try transposed().flippedVertically()
    default: self
    }
  }

  /// The image with a margin of one colour.
  ///
  /// - Parameters:
  ///   - top: Rows above.
  ///   - left: Columns to the left.
  ///   - bottom: Rows below.
  ///   - right: Columns to the right.
  ///   - color: The colour of the margin.
  /// - Returns: The larger image.
  /// - Throws: ``ImageError/usage(problem:)`` if a margin is negative or the result too large.
  public func padded(
    top: Int = 0, left: Int = 0, bottom: Int = 0, right: Int = 0, color: RGB = .black
  ) throws(ImageError) -> PixelBuffer {
    let limit = 1 << 40
    guard [top, left, bottom, right].allSatisfy({ $0 >= 0 && $0 < limit }) else {
      throw .usage(
        problem: "margins must not be negative; found \(top), \(left), \(bottom), \(right)")
    }
    if top + left + bottom + right == 0 { return self }
    var result = try PixelBuffer(
      size: Size(height: height + top + bottom, width: width + left + right), fill: color)
    result.paste(self, top: top, left: left)
    return result
  }

  /// Copies another image into this one; parts outside are left out.
  ///
  /// - Parameters:
  ///   - image: The image to copy.
  ///   - top: The row of this image where its first row goes; may be negative.
  ///   - left: The column of this image where its first column goes; may be negative.
  public mutating func paste(_ image: PixelBuffer, top: Int, left: Int) {
    let (rowOverflow, columnOverflow) = (
      top.addingReportingOverflow(image.height), left.addingReportingOverflow(image.width)
    )
    guard !rowOverflow.overflow, !columnOverflow.overflow else { return }
    let (firstRow, endRow) = (max(top, 0), min(rowOverflow.partialValue, height))
    let (firstColumn, endColumn) = (max(left, 0), min(columnOverflow.partialValue, width))
    guard firstRow < endRow, firstColumn < endColumn else { return }
    let count = 3 * (endColumn - firstColumn)
    let width = width
    withUnsafeMutableBytes { target in
      image.withUnsafeBytes { source in
        for row in firstRow..<endRow {
          let to = 3 * (row * width + firstColumn)
          let from = 3 * ((row - top) * image.width + firstColumn - left)
          _ = UnsafeMutableBufferPointer(rebasing: target[to..<to + count])
            .update(fromContentsOf: source[from..<from + count])
        }
      }
    }
  }
}
