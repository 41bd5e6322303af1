public import Imaging

/// The part of a depth map that is evaluated.
public enum DepthCrop: String, CaseIterable, Sendable, Codable {
  /// Everything.
  case none
  /// NYU: rows 45–470 and columns 41–600 of 480 × 640, in proportion for other sizes.
  ///
  /// Source: Eigen et al., 2014.
  case nyuEigen = "nyu_eigen"
  /// KITTI. Source: Garg et al., 2016.
  case garg
  /// KITTI. Source: Eigen et al., 2014.
  case kittiEigen = "kitti_eigen"
  /// KITTI's benchmark: 352 rows at the bottom and 1216 columns in the middle.
  case kittiBenchmark = "kb_crop"

  /// The rectangle.
  ///
  /// - Parameter size: The size of the map.
  /// - Returns: A rectangle inside the map; may be empty for very small maps.
  public func region(in size: Size) -> Region {
    let (h, w) = (max(size.height, 0), max(size.width, 0))
    func part(_ share: Double, _ side: Int) -> Int { Int(share * Double(side)) }
    func between(_ rows: Range<Int>, _ columns: Range<Int>) -> Region {
      let (rows, columns) = (rows.clamped(to: 0..<h), columns.clamped(to: 0..<w))
      return Region(
        top: rows.lowerBound, left: columns.lowerBound, height: rows.count, width: columns.count)
    }
    switch self {
    case .none: return Region(top: 0, left: 0, height: h, width: w)
    case .nyuEigen:
      return between(45 * h / 480..<471 * h / 480, 41 * w / 640..<601 * w / 640)
    case .garg:
      return between(
        part(0.40810811, h)..<part(0.99189189, h), part(0.03594771, w)..<part(0.96405229, w))
    case .kittiEigen:
      return between(
        part(0.3324324, h)..<part(0.91351351, h), part(0.0359477, w)..<part(0.96405229, w))
    case .kittiBenchmark:
      let (top, left) = (max(h - 352, 0), max(w - 1216, 0) / 2)
      return between(top..<min(top + 352, h), left..<min(left + 1216, w))
    }
  }
}
