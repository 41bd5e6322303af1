package import DINOData
package import DINOInference
package import DINOModels
package import Imaging

/// Which part of an image a network sees, and where the points of its target lie.
///
/// The whole image is resized, a part is cut out, mirrored or not, and padded around the centre to whole
/// patches.
package struct DenseView: Sendable, Equatable {
  /// The size of the image.
  package let image: Size
  /// The size to which the whole image is resized.
  package let resized: Size
  /// The part that is seen, in pixels of the resized image.
  package let part: Region
  /// Whether the part is mirrored.
  package let isMirrored: Bool
  /// The side of a patch.
  package let patchSize: Int

  /// Sees the whole image.
  ///
  /// - Parameters:
  ///   - image: The size of the image.
  ///   - preprocessing: How it is resized.
  ///   - patchSize: The side of a patch.
  /// - Throws: `ImageError` if nothing is left or the settings are out of range.
  package init(
    of image: Size, _ preprocessing: Preprocessing, patchSize: Int
  ) throws(ImageError) {
    let plan = try preprocessing.plan(for: image)
    self.init(
      image: image, resized: plan.resized, part: plan.window, isMirrored: false,
      patchSize: patchSize)
  }

  init(image: Size, resized: Size, part: Region, isMirrored: Bool, patchSize: Int) {
    self.image = image
    self.resized = resized
    self.part = part
    self.isMirrored = isMirrored
    self.patchSize = max(patchSize, 1)
  }

  private var margins: CenterPadding.Margins {
    CenterPadding(multiple: patchSize).margins(height: part.height, width: part.width)
  }

  /// The patches.
  package var grid: PatchGrid {
    PatchGrid(
      height: (part.height + patchSize - 1) / patchSize,
      width: (part.width + patchSize - 1) / patchSize)
  }

  /// What the network sees: the part, normalised, with zeros around it.
  ///
  /// - Parameters:
  ///   - pixels: The image.
  ///   - preprocessing: How it is resized and normalised.
  /// - Returns: One image.
  /// - Throws: `ImageError` if the image has another size.
  package func input(
    _ pixels: PixelBuffer, _ preprocessing: Preprocessing
  ) throws(ImageError) -> ImageBatch {
    guard pixels.size == image else {
      throw .usage(problem: "a view of an image of \(image) was given one of \(pixels.size)")
    }
    var seen = try pixels.resized(to: resized, filter: preprocessing.filter, cropping: part)
    if isMirrored { seen = seen.flippedHorizontally() }
    var plain = [Float](repeating: 0, count: 3 * part.height * part.width)
    var failure: ImageError?
    unsafe plain.withUnsafeMutableBufferPointer { buffer in
      do throws(ImageError) {
        unsafe try preprocessing.normalize(seen, into: buffer)
      } catch { failure = error }
    }
    if let failure { throw failure }
    let size = Size(height: grid.height * patchSize, width: grid.width * patchSize)
    guard size != part.size else { return ImageBatch(values: plain, count: 1, size: size) }
    var values = [Float](repeating: 0, count: 3 * size.height * size.width)
    for channel in 0..<3 {
      for row in 0..<part.height {
        let from = (channel * part.height + row) * part.width
        let to = (channel * size.height + margins.top + row) * size.width + margins.left
        values.replaceSubrange(to..<to + part.width, with: plain[from..<from + part.width])
      }
    }
    return ImageBatch(values: values, count: 1, size: size)
  }

  /// For each point of a grid that is `scale` times as fine as the patches, the pixel of the image
  /// under it; nil in the padding.
  ///
  /// - Parameter scale: Points per patch and axis.
  /// - Returns: Positions in the image, row by row of the points.
  package func sources(scale: Int) -> [Int?] {
    let rows = Axis(
      patches: grid.height, margin: margins.top, start: part.top, length: part.height,
      resized: resized.height, image: image.height
    ).sources(scale: scale, step: Double(patchSize) / Double(scale), isMirrored: false)
    let columns = Axis(
      patches: grid.width, margin: margins.left, start: part.left, length: part.width,
      resized: resized.width, image: image.width
    ).sources(scale: scale, step: Double(patchSize) / Double(scale), isMirrored: isMirrored)
    return rows.flatMap { row in
      columns.map { column in
        guard let row, let column else { return nil }
        return row * image.width + column
      }
    }
  }

  /// The rows or the columns of a view.
  private struct Axis {
    let patches: Int
    let margin: Int
    let start: Int
    let length: Int
    let resized: Int
    let image: Int

    func sources(scale: Int, step: Double, isMirrored: Bool) -> [Int?] {
      (0..<patches * scale).map { index in
        var place = (Double(index) + 0.5) * step - Double(margin)
        guard place >= 0, place < Double(length) else { return nil }
        if isMirrored { place = Double(length) - place }
        let source = (Double(start) + place) * Double(image) / Double(resized)
        return min(max(Int(source), 0), image - 1)
      }
    }
  }
}

/// What is known at the points of a view.
package enum DenseTarget: Sendable, Equatable {
  /// The class at each point; ``SegmentationData/ignoredLabel`` where it does not count.
  case labels([UInt16])
  /// Metres at each point; 0 where unknown.
  case depth([Float])
  /// The boxes of the view.
  case boxes([TargetBox])
  /// The class of the whole image.
  case imageClass(Int)

  /// Takes the classes under the points of a view.
  package init(_ labels: ValueImage, seen view: DenseView, scale: Int) {
    self = .labels(
      view.sources(scale: scale).map { source in
        source.map { labels.values[$0] } ?? SegmentationData.ignoredLabel
      })
  }

  /// Takes the depth under the points of a view.
  package init(_ depth: DepthMap, seen view: DenseView, scale: Int) {
    self = .depth(view.sources(scale: scale).map { source in source.map { depth.metres[$0] } ?? 0 })
  }
}
