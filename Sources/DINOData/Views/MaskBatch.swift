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

    /// How many of a batch's crops are masked.
    func maskedCrops(of crops: Int) -> Int { Int(Double(crops) * probability) }

    /// The most masked patches that a batch could have.
    ///
    /// - Parameter crops: The number of global crops.
    /// - Returns: The sum of the upper edges of all bins, each rounded down to whole patches.
    public func upperBound(crops: Int) -> Int {
      let masked = maskedCrops(of: crops)
      let patches = Float(generator.height * generator.width)
      return (0..<masked).reduce(0) { $0 + Int(patches * edge($1 + 1, of: masked)) }
    }

    /// The edge of a bin: `count + 1` evenly spaced numbers in single precision, as the original's,
    /// counted from the nearer end.
    func edge(_ index: Int, of count: Int) -> Float {
      let (low, high) = (Float(ratio.lowerBound), Float(ratio.upperBound))
      let step = (high - low) / Float(max(count, 1))
      return index < (count + 1) / 2
        ? low + step * Float(index) : high - step * Float(count - index)
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
    let masked = settings.maskedCrops(of: crops)
    var drawn: [[Bool]] = []
    for index in 0..<masked {
      let ratio = Float(
        source.uniform(
          Double(settings.edge(index, of: masked)), Double(settings.edge(index + 1, of: masked))))
      drawn.append(settings.generator.mask(Int(Float(patches) * ratio), &source))
    }
    let empty = [Bool](repeating: false, count: patches)
    drawn += Array(repeating: empty, count: crops - masked)
    let order = source.order(crops)
    self.init(order.map { drawn[$0] }, upperBound: settings.upperBound(crops: crops))
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
}
