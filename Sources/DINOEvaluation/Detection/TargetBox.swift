package import DINOData
internal import DINOModels
internal import Imaging

/// A box that a detection head is to find, in pixels of the padded image that the backbone sees.
package struct TargetBox: Sendable, Equatable {
  /// Left, top, right, bottom.
  package var edges: SIMD4<Float>
  /// The class by index.
  package var category: Int
  /// Whether places inside are neither right nor wrong.
  package var isCrowd: Bool

  /// Describes a box.
  package init(_ edges: SIMD4<Float>, category: Int, isCrowd: Bool = false) {
    self.edges = edges
    self.category = category
    self.isCrowd = isCrowd
  }

  /// Width times height.
  package var area: Float { (edges[2] - edges[0]) * (edges[3] - edges[1]) }

  /// Intersection over union with another rectangle.
  func overlap(with other: SIMD4<Float>) -> Float {
    let width = min(edges[2], other[2]) - max(edges[0], other[0])
    let height = min(edges[3], other[3]) - max(edges[1], other[1])
    guard width > 0, height > 0 else { return 0 }
    let common = width * height
    return common / (area + (other[2] - other[0]) * (other[3] - other[1]) - common)
  }
}

extension DenseView {
  /// The least share of a box that must be seen for it to count as an object of the view.
  private static let leastSeen = 0.4

  /// The boxes of an image as the backbone sees them.
  ///
  /// Boxes are cut at the edges of the view; one of which too little is left becomes a place that counts
  /// neither way, as crowds are.
  ///
  /// - Parameter objects: The objects of the image.
  /// - Returns: Boxes in pixels of the padded view.
  package func targets(_ objects: [DetectionData.Object]) -> [TargetBox] {
    let scale = (
      x: Double(resized.width) / Double(image.width),
      y: Double(resized.height) / Double(image.height)
    )
    let margins = CenterPadding(multiple: patchSize)
      .margins(height: part.height, width: part.width)
    return objects.compactMap { object in
      guard let whole = object.box.clipped(to: image) else { return nil }
      let moved = BoundingBox(
        left: whole.left * scale.x - Double(part.left), top: whole.top * scale.y - Double(part.top),
        width: whole.width * scale.x, height: whole.height * scale.y)
      guard var seen = moved.clipped(to: part.size) else { return nil }
      let isPart = seen.area < Self.leastSeen * moved.area
      if isMirrored { seen.left = Double(part.width) - seen.right }
      let edges = SIMD4(
        Float(seen.left) + Float(margins.left), Float(seen.top) + Float(margins.top),
        Float(seen.right) + Float(margins.left), Float(seen.bottom) + Float(margins.top))
      return TargetBox(edges, category: object.category, isCrowd: object.isCrowd || isPart)
    }
  }
}
