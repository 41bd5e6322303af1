internal import DINOData
public import Torch

/// How well copies are told from other images by the similarity of descriptors.
public struct CopyDetectionMeasurement {
  /// Every pair of images once, most similar first.
  public let pairs: PrecisionRecall
  /// Every image that has copies as a query among all others.
  public let queries: RetrievalEvaluator
  /// Every unaltered image that has copies as a query among all others.
  public let originals: RetrievalEvaluator
  /// For each transform the similarities of its images to the original of their group.
  public let similarityToOriginal: [String: [Float]]
  /// The number of pairs of copies, also those of images that could not be read.
  public let copyCount: Int

  /// The most images; every pair of them is held.
  public static let mostImages = 20_000
  private static let chunk = 256

  /// Measures.
  ///
  /// An image that could not be read is found by none; its pairs stay in the count of what there is to
  /// find.
  ///
  /// - Parameters:
  ///   - set: The images and their groups.
  ///   - descriptors: The descriptors of the set's images.
  ///   - cuts: Where precision and recall are taken.
  /// - Throws: `TorchError` if there are too many images.
  public init(
    _ set: CopyDetectionSet, _ descriptors: DescriptorSet, cuts: [Int] = [1, 5, 10]
  ) throws(TorchError) {
    let items = descriptors.items
    guard items.count <= Self.mostImages else {
      throw TorchError(
        "copy_detection", "\(items.count) images; at most \(Self.mostImages) are compared pairwise")
    }
    var scores: [Float] = []
    var isCopy: [Bool] = []
    scores.reserveCapacity(items.count * items.count / 2)
    isCopy.reserveCapacity(items.count * items.count / 2)
    var queries = RetrievalEvaluator(cuts: cuts)
    var originals = RetrievalEvaluator(cuts: cuts)
    let members = Self.members(of: set)
    let originalRows = Self.originals(of: set, among: items)
    var toOriginal: [String: [Float]] = [:]
    for start in stride(from: 0, to: items.count, by: Self.chunk) {
      let end = min(start + Self.chunk, items.count)
      let rankings = try RetrievalEvaluator.rankings(
        of: descriptors.rows.narrow(dim: 0, start..<end), in: descriptors.rows)
      for (offset, ranking) in rankings.enumerated() {
        let row = start + offset
        let (item, group) = (items[row], set.groups[items[row]])
        let original = group.flatMap { originalRows[$0] }
        for other in ranking {
          let isSame = group != nil && group == set.groups[items[other.row]]
          if other.row > row {
            scores.append(other.similarity)
            isCopy.append(isSame)
          }
          if other.row == original, other.row != row {
            toOriginal[set.transforms[item], default: []].append(other.similarity)
          }
        }
        guard let group, let all = members[group], all.count > 1 else { continue }
        let truth = RetrievalTruth(positive: all.filter { $0 != item }, junk: [item])
        let found = ranking.map { items[$0.row] }
        queries.add(found, truth: truth)
        if set.transforms[item] == CopyDetectionSet.original {
          originals.add(found, truth: truth)
        }
      }
    }
    self.queries = queries
    self.originals = originals
    similarityToOriginal = toOriginal
    copyCount = set.copyCount
    pairs = PrecisionRecall(scores: scores, isRight: isCopy, total: set.copyCount)
  }

  private static func members(of set: CopyDetectionSet) -> [Int: [Int]] {
    var members: [Int: [Int]] = [:]
    for (item, group) in set.groups.enumerated() {
      if let group { members[group, default: []].append(item) }
    }
    return members
  }

  /// The row of each group's first original.
  private static func originals(of set: CopyDetectionSet, among items: [Int]) -> [Int: Int] {
    var rows: [Int: Int] = [:]
    for (row, item) in items.enumerated() where set.transforms[item] == CopyDetectionSet.original {
      if let group = set.groups[item], rows[group] == nil { rows[group] = row }
    }
    return rows
  }
}
