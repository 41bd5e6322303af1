internal import CResample

/// Which instructions the resampler uses.
///
/// All levels give the same bytes.
package enum ResampleInstructions: Int, CaseIterable, Sendable {
  case scalar = 0
  case avx2 = 1
  case avx512 = 2

  /// The best that this processor runs.
  package static let best =
    ResampleInstructions(rawValue: Int(cr_best_level().rawValue)) ?? .scalar

  fileprivate var level: cr_level { cr_level(UInt32(rawValue)) }
}

extension PixelBuffer {
  /// The image in another size, byte for byte what Pillow's `Image.resize(size, filter, box)` gives.
  ///
  /// Only the rows and columns that the window needs are computed, so that a crop from an enlarged image
  /// costs what the crop costs.
  ///
  /// - Parameters:
  ///   - target: The size to which the box is resized; both sides at least 1.
  ///   - filter: The kernel.
  ///   - box: The part of the image to resize, edges between pixels allowed; nil for the whole.
  ///   - window: The part of the resized image to return; nil for the whole.
  /// - Returns: The resized image, or its window.
  /// - Throws: ``ImageError/usage(problem:)`` if a size, box or window is empty or out of range.
  public func resized(
    to target: Size, filter: ResampleFilter = .bicubic, box: FractionalBox? = nil,
    cropping window: Region? = nil
  ) throws(ImageError) -> PixelBuffer {
    try resized(
      from: whole, box: box, to: target, filter: filter, window: window,
      instructions: .best)
  }

  /// A rectangle of the image in another size: what cropping and then resizing gives, without the copy.
  ///
  /// - Parameters:
  ///   - region: The rectangle; pixels outside it have no influence.
  ///   - target: The size of the result; both sides at least 1.
  ///   - filter: The kernel.
  /// - Returns: The resized rectangle.
  /// - Throws: ``ImageError/usage(problem:)`` if a size or the rectangle is empty or out of range.
  public func resizedCrop(
    _ region: Region, to target: Size, filter: ResampleFilter = .bicubic
  ) throws(ImageError) -> PixelBuffer {
    try resized(
      from: region, box: nil, to: target, filter: filter, window: nil, instructions: .best)
  }

  package func resized(
    from region: Region, box: FractionalBox?, to target: Size, filter: ResampleFilter,
    window: Region?, instructions: ResampleInstructions
  ) throws(ImageError) -> PixelBuffer {
    guard region.lies(in: size) else {
      throw .usage(problem: "the crop \(region) does not lie in an image of \(size)")
    }
    let limit = Int(Int32.max)
    guard target.height > 0, target.width > 0, target.height <= limit, target.width <= limit else {
      throw .usage(problem: "an image cannot be resized to \(target); both sides must be positive")
    }
    let window = window ?? Region(top: 0, left: 0, height: target.height, width: target.width)
    guard window.lies(in: target) else {
      throw .usage(problem: "the window \(window) does not lie in the resized image of \(target)")
    }
    let edges = try region.edges(of: box)
    var across: AxisWeights?
    var down: AxisWeights?
    var part = Region(
      top: region.top + window.top, left: region.left + window.left, height: window.height,
      width: window.width)
    if target.width != region.width || edges.left != 0 || edges.right != Float(region.width) {
      let weights = try AxisWeights(
        inputs: region.width, start: edges.left, end: edges.right, outputs: target.width,
        window: window.left..<window.left + window.width, filter: filter)
      part.left = region.left + weights.inputRange.lowerBound
      part.width = weights.inputRange.count
      across = weights.countingFromFirstInput()
    }
    if target.height != region.height || edges.top != 0 || edges.bottom != Float(region.height) {
      let weights = try AxisWeights(
        inputs: region.height, start: edges.top, end: edges.bottom, outputs: target.height,
        window: window.top..<window.top + window.height, filter: filter)
      part.top = region.top + weights.inputRange.lowerBound
      part.height = weights.inputRange.count
      down = weights.countingFromFirstInput()
    }
    switch (across, down) {
    case (let across?, let down?):
      // Each pass rounds to 8 bits, so that their order shows. Pillow 13 goes down first where the
      // height loses more than twice as many pixels as the width; older versions never did.
      let downFirst =
        target.height < region.height
        && region.height - target.height > 2 * (region.width - target.width)
      if downFirst {
        let rows = try resampledDown(part, down, instructions)
        return try rows.resampledAcross(rows.whole, across, instructions)
      }
      let columns = try resampledAcross(part, across, instructions)
      return try columns.resampledDown(columns.whole, down, instructions)
    case (let across?, nil): return try resampledAcross(part, across, instructions)
    case (nil, let down?): return try resampledDown(part, down, instructions)
    case (nil, nil): return try cropped(to: part)
    }
  }

  private var whole: Region { Region(top: 0, left: 0, height: height, width: width) }

  /// Resamples along x.
  private func resampledAcross(
    _ region: Region, _ axis: AxisWeights, _ instructions: ResampleInstructions
  ) throws(ImageError) -> PixelBuffer {
    let outputs = axis.first.count
    return try PixelBuffer(making: Size(height: region.height, width: outputs)) {
      target throws(ImageError) in
      let status = storage.withUnsafeBufferPointer { source in
        axis.withPointers { axis in
          guard let base = source.baseAddress, let to = target.baseAddress else { return Int32(-1) }
          return cr_horizontal(
            base + 3 * (region.top * width + region.left), 3 * width, base + source.count,
            Int32(region.height), axis, to, 3 * outputs, instructions.level)
        }
      }
      guard status == 0 else { throw .outOfMemory }
    }
  }

  /// Resamples along y.
  private func resampledDown(
    _ region: Region, _ axis: AxisWeights, _ instructions: ResampleInstructions
  ) throws(ImageError) -> PixelBuffer {
    let rowBytes = 3 * region.width
    return try PixelBuffer(making: Size(height: axis.first.count, width: region.width)) {
      target throws(ImageError) in
      let status = storage.withUnsafeBufferPointer { source in
        axis.withPointers { axis in
          guard let base = source.baseAddress, let to = target.baseAddress else { return Int32(-1) }
          return cr_vertical(
            base + 3 * (region.top * width + region.left), 3 * width, rowBytes, axis, to, rowBytes,
            instructions.level)
        }
      }
      guard status == 0 else { throw .outOfMemory }
    }
  }
}

extension ImageError {
  fileprivate static let outOfMemory = ImageError.usage(
    problem: "memory for resizing could not be had; use smaller images or fewer threads")
}

extension Region {
  /// The edges of a box inside the region, in Pillow's single precision, checked.
  fileprivate func edges(
    of box: FractionalBox?
  ) throws(ImageError) -> (top: Float, left: Float, bottom: Float, right: Float) {
    guard let box else { return (0, 0, Float(height), Float(width)) }
    let edges = (Float(box.top), Float(box.left), Float(box.bottom), Float(box.right))
    // Comparisons with NaN are false, so that it does not pass.
    guard edges.0 >= 0, edges.1 >= 0, edges.2 <= Float(height), edges.3 <= Float(width),
      edges.2 > edges.0, edges.3 > edges.1
    else {
      throw .usage(
        problem: "the box from (\(box.top), \(box.left)) to (\(box.bottom), \(box.right)) "
          + "is empty or does not lie in an image of \(size)")
    }
    return edges
  }
}

extension AxisWeights {
  fileprivate func withPointers<Result>(_ body: (UnsafePointer<cr_axis>) -> Result) -> Result {
    first.withUnsafeBufferPointer { first in
      count.withUnsafeBufferPointer { count in
        weights.withUnsafeBufferPointer { weights in
          var axis = cr_axis(
            outputs: Int32(first.count), taps: Int32(taps), first: first.baseAddress,
            count: count.baseAddress, weights: weights.baseAddress)
          return withUnsafePointer(to: &axis, body)
        }
      }
    }
  }
}
