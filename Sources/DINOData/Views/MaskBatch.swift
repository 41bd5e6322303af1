/// The masks of the global crops of a batch.
///
/// A share of the crops is masked; their ratios are spread over the whole range, one drawn from each
/// of as many equal bins as there are masked crops.
///
/// Source: Oquab et al., 2023, appendix B.1; `dinov2/data/collate.py` of the released code.
public struct MaskBatch: Equatable, Sendable {
  /// Which patches are masked, crop by crop, `[crops · N]`.
  public let masks: [Bool]
  /// The positions of the masked patches in ``masks``, ascending.
  public let indices: [Int]
  /// One over the number of masked patches of its crop, for each masked patch.
  public let weights: [Float]
  /// The number of masked patches of each crop.
  public let counts: [Int]
  /// The most masked patches that the batch could have.
  public let upperBound: Int

  /// How crops are masked.
  public struct Settings: Equatable, Sendable {
    /// Makes the mask of one crop.
    public var generator: MaskingGenerator
    /// The share of the crops that are masked.
    public var probability = 0.5
    /// Smallest and largest share of masked patches in a masked crop.
    public var ratio = 0.1...0.5

    /// Creates settings.
    ///
    /// - Parameter generator: Makes the mask of one crop.
    public init(_ generator: MaskingGenerator) {
      self.generator = generator
    }
  }

  /// Draws the masks of a batch.
  ///
  /// Which crops are masked is decided over all of them, so that both crops of an image may be, or
  /// none. A batch of one image has one masked crop at the usual probability; a batch may also have
  /// none.
  ///
  /// - Parameters:
  ///   - crops: The number of global crops.
  ///   - settings: How they are masked.
  ///   - source: The draws.
  package init<Source: DrawSource>(
    crops: Int, _ settings: Settings, _ source: inout Source
  ) {
    let patches = settings.generator.height * settings.generator.width
    let masked = Int(Double(crops) * settings.probability)
    var drawn: [[Bool]] = []
    var most = 0
    for index in 0..<masked {
      // In single precision, as the original's bins.
      let low = Self.bound(index, of: masked, settings.ratio)
      let high = Self.bound(index + 1, of: masked, settings.ratio)
      let ratio = Float(source.uniform(Double(low), Double(high)))
      drawn.append(settings.generator.mask(Int(Float(patches) * ratio), &source))
      most += Int(Float(patches) * high)
    }
    let empty = [Bool](repeating: false, count: patches)
    drawn += Array(repeating: empty, count: crops - masked)
    let order = source.order(crops)
    self.init(order.map { drawn[$0] }, upperBound: most)
  }

  private init(_ crops: [[Bool]], upperBound: Int) {
    masks = crops.flatMap(\.self)
    counts = crops.map { mask in mask.count { $0 } }
    self.upperBound = upperBound
    var (indices, weights): ([Int], [Float]) = ([], [])
    var start = 0
    for mask in crops {
      let masked = mask.indices.filter { mask[$0] }
      indices += masked.map { start + $0 }
      weights += Array(repeating: 1 / Float(max(masked.count, 1)), count: masked.count)
      start += mask.count
    }
    self.indices = indices
    self.weights = weights
  }

  /// The edge of a bin: `count + 1` evenly spaced numbers, counted from the nearer end.
  private static func bound(_ index: Int, of count: Int, _ range: ClosedRange<Double>) -> Float {
    let (low, high) = (Float(range.lowerBound), Float(range.upperBound))
    let step = (high - low) / Float(max(count, 1))
    return index < (count + 1) / 2 ? low + step * Float(index) : high - step * Float(count - index)
  }
}
