internal import Foundation
public import Imaging

/// The distance of each pixel along the optical axis.
public struct DepthMap: Sendable, Equatable {
  /// The size.
  public let size: Size
  /// Metres, `[height, width]`; 0 where unknown.
  public let metres: [Float]

  /// The depths that are known, metres.
  public var known: [Float] { metres.filter { $0 > 0 } }
}

/// Images with a depth for each pixel.
///
/// Depth maps are PNG files of 16 bits; 0 and 65,535 are unknown: cameras mark with the largest number what
/// they could not measure, or what lies beyond. How files lie and what a unit is worth is the
/// ``DepthLayout``'s: millimetres where nothing else is said.
public struct DepthData: Sendable {
  /// What is read.
  public struct Options: Sendable {
    /// How the files lie; found out by the lists if nil.
    public var layout: DepthLayout?
    /// Stored units in a metre, if not the layout's: 1000 for millimetres.
    public var unitsPerMetre: Double?

    /// Reads everything as the layout says.
    public init() {}
  }

  /// The folder, as it was named.
  public let root: RawPath
  /// The part: `train`, `val`, ….
  public let split: String
  /// How the files lie.
  public let layout: DepthLayout
  /// Stored units in a metre.
  public let unitsPerMetre: Double
  /// Images and depth maps.
  public internal(set) var samples: [DenseSample]
  /// Files without a partner, one line each.
  public let unpaired: [String]

  /// Finds the files of a part; ``check(decoder:threads:progress:_:)`` looks into them.
  ///
  /// - Parameters:
  ///   - root: The folder.
  ///   - split: The part: `train`, `val`, ….
  ///   - options: What is read.
  /// - Throws: ``DataError`` if the part is not there or empty.
  public init(
    _ root: RawPath, split: String, options: Options = Options()
  ) throws(DataError) {
    guard root.isFolder else {
      throw .unusable(
        place: root.displayName,
        problem: "is no folder; expected ROOT/\(split)/images and ROOT/\(split)/depth, or the "
          + "folder of NYU Depth v2 or KITTI with its lists")
    }
    let layout = options.layout ?? .detect(root)
    let units = options.unitsPerMetre ?? layout.unitsPerMetre
    guard units > 0, units.isFinite else {
      throw .usage(problem: "\(units) units in a metre; expected a number above 0, such as 1000")
    }
    let pairs = try layout.pairs(in: root, split: split)
    guard !pairs.samples.isEmpty else {
      throw .unusable(
        place: root.displayName,
        problem: "part \(RawPath(split).displayName) has no image with a depth map"
          + (pairs.unpaired.first.map { "; for example \($0)" } ?? ""))
    }
    self.root = root
    self.split = split
    self.layout = layout
    unitsPerMetre = units
    samples = pairs.samples
    unpaired = pairs.unpaired
  }

  /// The depth of each pixel.
  ///
  /// - Parameters:
  ///   - sample: An image and its depth map.
  ///   - size: The size of the image, which the map must have; any if nil.
  ///   - decoder: What an image may take.
  /// - Returns: Metres.
  /// - Throws: ``DataError`` if the map cannot be read, has another size or fewer than 16 bits.
  public func depth(
    of sample: DenseSample, size: Size? = nil, decoder: ImageDecoder = ImageDecoder()
  ) throws(DataError) -> DepthMap {
    let stored = try sample.target.decodeValues(decoder)
    try sample.demand(stored.size, size, kind: "depth map")
    guard stored.largest == .max else {
      throw .unusable(
        place: sample.target.displayName,
        problem: "has numbers up to \(stored.largest); depth is stored with 16 bits, "
          + "\(Int(unitsPerMetre)) units a metre, 0 or \(UInt16.max) where unknown")
    }
    let metre = Float(1 / unitsPerMetre)
    return DepthMap(
      size: stored.size,
      metres: stored.values.map { $0 == stored.largest ? 0 : Float($0) * metre })
  }

  /// What speaks against the unit, if something does.
  ///
  /// - Parameter median: The median of the known depths, metres.
  /// - Returns: One sentence; nil for plausible depths.
  public func doubts(median: Double) -> String? {
    guard median.isFinite else { return nil }
    // Rooms and streets; both bounds lie a factor of several away from any set known to us.
    let plausible = 0.15...60.0
    guard !plausible.contains(median) else { return nil }
    let text = String(format: "%.3g", median)
    return "\(root.displayName): the median depth would be \(text) m with "
      + "\(String(format: "%g", unitsPerMetre)) units a metre; is another unit meant? "
      + "pass --units-per-metre (1000 for millimetres, 256 for KITTI, 5000 for TUM)"
  }
}
