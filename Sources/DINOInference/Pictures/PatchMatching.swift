internal import DINOModels
public import Imaging
internal import Torch

/// Pairs of patches of two images that are each other's nearest neighbours.
///
/// Source: Oquab et al., 2023, section 7.5 (sparse matching between images).
public struct PatchMatching: Sendable {
  /// A pair of patches.
  public struct Match: Sendable, Equatable, Encodable {
    /// The patch of the first image, an index into its grid, row by row.
    public let first: Int
    /// The patch of the second image.
    public let second: Int
    /// The cosine similarity of their tokens.
    public let similarity: Float
  }

  /// How pairs are chosen.
  public struct Options: Sendable {
    /// The most pairs.
    public var most = 40
    /// Patches that lie nearer to a better pair's patch than this, in patches, are left out.
    public var radius = 2.0
    /// The lowest similarity.
    public var threshold: Float = 0
    /// Whether only foreground patches take part, by a joint PCA.
    public var usesForeground = true

    /// Creates the defaults.
    public init() {}
  }

  /// The pairs, most similar first.
  public let matches: [Match]

  /// Matches two images.
  ///
  /// - Parameters:
  ///   - first: Patch tokens of the first image.
  ///   - second: Patch tokens of the second image.
  ///   - options: How pairs are chosen.
  /// - Throws: ``InferenceError`` if the widths differ.
  public init(
    _ first: PatchMap, _ second: PatchMap, _ options: Options = Options()
  ) throws(InferenceError) {
    guard first.width == second.width else {
      throw .usage(problem: "images seen by different models cannot be matched")
    }
    var allowed = (
      [Bool](repeating: true, count: first.grid.count),
      [Bool](repeating: true, count: second.grid.count)
    )
    if options.usesForeground, let pca = try? PatchPCA.fit([first, second]) {
      allowed = (
        try pca.colors(of: first).isForeground, try pca.colors(of: second).isForeground
      )
    }
    let candidates = try Self.mutual(first, second).filter {
      allowed.0[$0.first] && allowed.1[$0.second] && $0.similarity >= options.threshold
    }
    // Ties are broken by the place, so that the result does not depend on sorting.
    let ordered = candidates.sorted { ($0.similarity, $1.first) > ($1.similarity, $0.first) }
    var kept: [Match] = []
    for candidate in ordered where kept.count < options.most {
      let isFree = kept.allSatisfy {
        Self.distance($0.first, candidate.first, first.grid) >= options.radius
          && Self.distance($0.second, candidate.second, second.grid) >= options.radius
      }
      if isFree { kept.append(candidate) }
    }
    matches = kept
  }

  private static func distance(_ a: Int, _ b: Int, _ grid: PatchGrid) -> Double {
    let rows = Double(a / grid.width - b / grid.width)
    let columns = Double(a % grid.width - b % grid.width)
    return (rows * rows + columns * columns).squareRoot()
  }

  private static func mutual(
    _ first: PatchMap, _ second: PatchMap
  ) throws(InferenceError) -> [Match] {
    do throws(TorchError) {
      let a = try Tensor(first.values, [first.grid.count, first.width]).normalized()
      let b = try Tensor(second.values, [second.grid.count, second.width]).normalized()
      let similarity = try a.matmul(b.transpose(0, 1))  // [N₁, N₂]
      let forth = try similarity.max(dim: 1)
      let back = try similarity.argmax(dim: 0).array(of: Int64.self)
      let (values, indices) = (
        try forth.values.floats(), try forth.indices.array(of: Int64.self)
      )
      return indices.enumerated().compactMap { index, partner in
        guard back[Int(partner)] == Int64(index) else { return nil }
        return Match(first: index, second: Int(partner), similarity: values[index])
      }
    } catch { throw .torch(error) }
  }

  /// Draws both images side by side with a line for each pair.
  ///
  /// - Parameters:
  ///   - first: The first image as the model saw it.
  ///   - firstMap: Its patches.
  ///   - second: The second image as the model saw it.
  ///   - secondMap: Its patches.
  /// - Returns: The picture.
  /// - Throws: ``InferenceError`` if the picture would be too large.
  public func picture(
    _ first: PixelBuffer, _ firstMap: PatchMap, _ second: PixelBuffer, _ secondMap: PatchMap
  ) throws(InferenceError) -> PixelBuffer {
    let gap = 24
    do throws(ImageError) {
      var picture = try PixelBuffer(
        size: Size(
          height: max(first.height, second.height) + 2 * gap,
          width: first.width + second.width + 3 * gap), fill: RGB(247, 247, 245))
      picture.paste(first, top: gap, left: gap)
      picture.paste(second, top: gap, left: first.width + 2 * gap)
      for (index, match) in matches.enumerated().reversed() {
        var from = Self.center(of: match.first, in: firstMap, first.size)
        var to = Self.center(of: match.second, in: secondMap, second.size)
        from.row += Double(gap)
        from.column += Double(gap)
        to.row += Double(gap)
        to.column += Double(first.width + 2 * gap)
        let color = ColorMap.categorical(index)
        picture.drawLine(from: from, to: to, color: color, width: 2, opacity: 0.85)
        picture.fillCircle(center: from, radius: 4, color: color)
        picture.fillCircle(center: to, radius: 4, color: color)
      }
      return picture
    } catch { throw .image(error) }
  }

  /// The middle of a patch in the image that the model saw, in pixels.
  ///
  /// - Parameters:
  ///   - patch: The patch.
  ///   - map: The patches.
  ///   - size: The size of the image.
  /// - Returns: The place.
  public static func center(of patch: Int, in map: PatchMap, _ size: Size) -> Point {
    let (row, column) = (patch / map.grid.width, patch % map.grid.width)
    return Point(
      row: (Double(row) + 0.5) * Double(size.height) / Double(map.grid.height),
      column: (Double(column) + 0.5) * Double(size.width) / Double(map.grid.width))
  }
}
