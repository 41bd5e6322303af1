/// The sizes of a ``DetectionHead``.
public struct DetectionHeadConfig: Equatable, Sendable, Codable {
  /// Width of the backbone's tokens.
  public var embedDim: Int
  /// The number of blocks whose patch tokens are joined.
  public var taps: Int
  /// The side of a patch, pixels.
  public var patchSize: Int
  /// The number of classes.
  public var classes: Int
  /// Width of the pyramid and of the towers.
  public var channels = 96
  /// How often the patch grid is doubled for the finest level.
  public var finest = 0
  /// How often the patch grid is halved for the coarsest level.
  public var coarsest = 1
  /// Residual convolutions on the patch grid, before the pyramid.
  public var neckDepth = 1
  /// Convolutions before each of the two predictions.
  public var towerDepth = 1

  /// Creates sizes.
  ///
  /// - Parameters:
  ///   - embedDim: Width of the backbone's tokens.
  ///   - taps: The number of blocks whose patch tokens are joined.
  ///   - patchSize: The side of a patch, pixels.
  ///   - classes: The number of classes.
  public init(embedDim: Int, taps: Int, patchSize: Int, classes: Int) {
    self.embedDim = embedDim
    self.taps = taps
    self.patchSize = patchSize
    self.classes = classes
  }

  enum CodingKeys: String, CodingKey {
    case taps, classes, channels, finest, coarsest
    case embedDim = "embed_dim"
    case patchSize = "patch_size"
    case neckDepth = "neck_depth"
    case towerDepth = "tower_depth"
  }

  /// What is wrong with the sizes; nil if nothing is.
  var problem: String? {
    let plausible = VisionTransformerConfig.plausible
    guard [embedDim, taps, patchSize, classes, channels].allSatisfy(plausible.contains) else {
      return "a size is not positive or absurdly large"
    }
    guard (0...2).contains(finest), (0...4).contains(coarsest), (0...16).contains(neckDepth),
      (0...16).contains(towerDepth)
    else {
      return "finest must be 0 to 2, coarsest 0 to 4, neck_depth and tower_depth 0 to 16"
    }
    return nil
  }
}

/// The places at which a ``DetectionHead`` predicts: the cells of the levels of its pyramid, finest first.
///
/// Coordinates are pixels of the padded image that the backbone sees.
public struct DetectionGrid: Equatable, Sendable {
  /// The cells of one level, row by row.
  public struct Level: Equatable, Sendable {
    /// The side of a cell, pixels.
    public let stride: Double
    /// The number of rows.
    public let rows: Int
    /// The number of columns.
    public let columns: Int
    /// The number of the level's first cell.
    public let start: Int

    /// The number of cells.
    public var count: Int { rows * columns }
  }

  /// The levels, finest first.
  public let levels: [Level]

  /// The number of cells.
  public var count: Int { levels.reduce(0) { $0 + $1.count } }

  /// The cells over a grid of patches.
  ///
  /// - Parameters:
  ///   - height: Rows of patches.
  ///   - width: Columns of patches.
  ///   - config: The sizes of the head.
  public init(height: Int, width: Int, _ config: DetectionHeadConfig) {
    var start = 0
    levels = (0...config.finest + config.coarsest).map { index in
      let step = config.finest - index
      let (rows, columns) = (Self.scaled(height, by: step), Self.scaled(width, by: step))
      let level = Level(
        stride: step >= 0
          ? Double(config.patchSize) / Double(1 << step) : Double(config.patchSize << -step),
        rows: rows, columns: columns, start: start)
      start += level.count
      return level
    }
  }

  /// A length that is doubled or halved so often; halves are rounded up, as a convolution of step 2 does.
  private static func scaled(_ length: Int, by step: Int) -> Int {
    step >= 0 ? length << step : (length + (1 << -step) - 1) >> -step
  }

  /// The centres of all cells, column and row of each, `[N, 2]`.
  public var centers: [Float] {
    var result: [Float] = []
    result.reserveCapacity(2 * count)
    for level in levels {
      for row in 0..<level.rows {
        let y = Float((Double(row) + 0.5) * level.stride)
        for column in 0..<level.columns {
          result.append(Float((Double(column) + 0.5) * level.stride))
          result.append(y)
        }
      }
    }
    return result
  }
}
