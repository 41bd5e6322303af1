internal import DINOModels

/// Pairs of patches of two images that are each other's nearest neighbours.
///
/// Nearness is the cosine of patch tokens. Of pairs that lie close together in either image only the most
/// similar one is kept, so that pairs spread over the objects. Ties go to the first patch: the result is
/// the same on every run.
///
/// Source: Oquab et al., 2023, section 7.5 (matching across images).
public struct PatchMatching: Sendable {
  /// A pair of patches.
  public struct Match: Sendable, Equatable, Encodable {
    /// The patch of the first image, an index into its grid, row by row.
    public let first: Int
    /// The patch of the second image.
    public let second: Int
    /// The cosine similarity of their tokens, -1 to 1.
    public let similarity: Float
  }

  /// How pairs are chosen.
  public struct Options: Sendable, Equatable {
    /// The most pairs.
    public var most = 40
    /// Patches that lie nearer than this to a better pair's patch, in patches, are left out.
    public var radius = 2.0
    /// The lowest similarity.
    public var threshold: Float = -1
    /// Which patches take part: the foreground of a PCA of both images.
    public var foreground = PatchPCA.Foreground.above(nil)

    /// Creates the defaults.
    public init() {}
  }

  /// The pairs, most similar first.
  public let matches: [Match]
  /// The number of mutual nearest neighbours before those close together were left out.
  public let candidates: Int

  /// Matches two images.
  ///
  /// - Parameters:
  ///   - first: Patch tokens of the first image.
  ///   - second: Patch tokens of the second image.
  ///   - options: How pairs are chosen.
  /// - Throws: ``InferenceError/usage(problem:)`` if the widths differ, a token is not finite, or too
  ///   little is foreground.
  public init(
    _ first: PatchMap, _ second: PatchMap, _ options: Options = Options()
  ) throws(InferenceError) {
    guard first.width == second.width else {
      throw .usage(problem: "images seen by different models cannot be matched")
    }
    guard first.values.allSatisfy(\.isFinite), second.values.allSatisfy(\.isFinite) else {
      throw .usage(problem: "the patch tokens hold numbers that are not finite")
    }
    let allowed = try PatchMatching.foreground(first, second, options.foreground)
    let found = PatchMatching.mutual(first, second, allowed).filter {
      $0.similarity >= options.threshold
    }
    candidates = found.count
    let ordered = found.sorted { ($0.similarity, $1.first) > ($1.similarity, $0.first) }
    var kept: [Match] = []
    for candidate in ordered where kept.count < options.most {
      let isFree = kept.allSatisfy {
        PatchMatching.distance($0.first, candidate.first, first.grid) >= options.radius
          && PatchMatching.distance($0.second, candidate.second, second.grid) >= options.radius
      }
      if isFree { kept.append(candidate) }
    }
    matches = kept
  }

  /// The patches of each image that take part.
  private static func foreground(
    _ first: PatchMap, _ second: PatchMap, _ foreground: PatchPCA.Foreground
  ) throws(InferenceError) -> (first: [Int], second: [Int]) {
    if foreground == .everything {
      return (Array(0..<first.grid.count), Array(0..<second.grid.count))
    }
    var options = PatchPCA.Options()
    options.foreground = foreground
    let pca = try PatchPCA.fit([first, second], options)
    func patches(_ map: PatchMap) throws(InferenceError) -> [Int] {
      let mask = try pca.colors(of: map).isForeground
      return mask.indices.filter { mask[$0] }
    }
    return (try patches(first), try patches(second))
  }

  /// The best partner of a patch so far.
  private struct Partner {
    var index = -1
    var similarity = -Float.infinity

    mutating func meet(_ other: Int, _ similarity: Float) {
      // Partners come in ascending order, so that ties keep the first one.
      if similarity > self.similarity { (index, self.similarity) = (other, similarity) }
    }
  }

  private static func mutual(
    _ first: PatchMap, _ second: PatchMap, _ allowed: (first: [Int], second: [Int])
  ) -> [Match] {
    let a = VectorRows(
      normalizing: first.tokens(of: allowed.first), width: first.width)
    let b = VectorRows(
      normalizing: second.tokens(of: allowed.second), width: second.width)
    var forth = [Partner](repeating: Partner(), count: a.count)
    var back = [Partner](repeating: Partner(), count: b.count)
    let columns = b.count
    a.forEachProduct(with: b) { row, column, products in
      for lane in 0..<min(4, columns - column) {
        forth[row].meet(column + lane, products[lane])
        back[column + lane].meet(row, products[lane])
      }
    }
    return forth.enumerated().compactMap { row, partner in
      guard partner.index >= 0, back[partner.index].index == row else { return nil }
      return Match(
        first: allowed.first[row], second: allowed.second[partner.index],
        similarity: min(max(partner.similarity, -1), 1))
    }
  }

  /// The distance of two patches of a grid, in patches.
  private static func distance(_ a: Int, _ b: Int, _ grid: PatchGrid) -> Double {
    let rows = Double(a / grid.width - b / grid.width)
    let columns = Double(a % grid.width - b % grid.width)
    return (rows * rows + columns * columns).squareRoot()
  }
}

extension PatchMap {
  /// The tokens of some patches, `[K, D]`.
  func tokens(of patches: [Int]) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(patches.count * width)
    for patch in patches { result += values[patch * width..<(patch + 1) * width] }
    return result
  }
}
