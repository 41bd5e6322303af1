/// How many images each seed set contributes to a curated data set.
public struct SourceTable: Sendable, Equatable {
  /// How images come from a seed set.
  public enum Mode: Sendable, Equatable {
    /// The images of the seed set themselves.
    case asIs
    /// The nearest images of a pool for each image of the seed set.
    case sample(neighbours: Int)
    /// Images of the clusters of a pool that the seed set falls into.
    case cluster
  }

  /// One seed set and what came of it.
  public struct Row: Sendable, Equatable {
    /// The name of the seed set.
    public let name: String
    /// The number of its images.
    public let images: Int
    /// How images come from it.
    public let mode: Mode
    /// The number of images retrieved; nil where the mode and the number of images say it.
    public let retrieved: Int?
    /// The largest number of images that is kept; nil for no limit.
    public let cap: Int?

    /// Describes a seed set.
    ///
    /// - Parameters:
    ///   - name: The name of the seed set.
    ///   - images: The number of its images.
    ///   - mode: How images come from it.
    ///   - retrieved: The number of images retrieved, needed for clusters.
    ///   - cap: The largest number of images that is kept.
    public init(
      _ name: String, images: Int, _ mode: Mode, retrieved: Int? = nil, cap: Int? = nil
    ) {
      self.name = name
      self.images = images
      self.mode = mode
      self.retrieved = retrieved
      self.cap = cap
    }

    /// The number of images that the seed set contributes, with multiplicity.
    ///
    /// - Returns: The number after the cap.
    /// - Throws: ``CurationError/usage(problem:)`` if a number is negative or missing, or contradicts the
    ///   mode.
    public func contribution() throws(CurationError) -> Int {
      guard images >= 0, retrieved ?? 0 >= 0, cap ?? 0 >= 0 else {
        throw .usage(problem: "\(name): a number of images is negative")
      }
      let all = try countBeforeCap()
      return cap.map { min($0, all) } ?? all
    }

    private func countBeforeCap() throws(CurationError) -> Int {
      switch mode {
      case .asIs:
        guard retrieved == nil else {
          throw .usage(problem: "\(name): nothing is retrieved for a set that is taken as it is")
        }
        return images
      case .sample(let neighbours):
        let (all, overflows) = images.multipliedReportingOverflow(by: neighbours)
        guard neighbours > 0, !overflows, retrieved ?? all == all else {
          throw .usage(
            problem: "\(name): \(images) images with \(neighbours) neighbours each do not give "
              + "\(retrieved ?? 0) images")
        }
        return all
      case .cluster:
        guard let retrieved else {
          throw .usage(problem: "\(name): the number of images retrieved by clusters is missing")
        }
        return retrieved
      }
    }
  }

  /// The seed sets.
  public var rows: [Row]

  /// A table.
  ///
  /// - Parameter rows: The seed sets.
  public init(_ rows: [Row]) { self.rows = rows }

  /// The number of images of the curated data set, with multiplicity.
  ///
  /// - Returns: The sum over all seed sets.
  /// - Throws: ``CurationError/usage(problem:)`` if a row contradicts itself or the sum is too large.
  public func total() throws(CurationError) -> Int {
    var total = 0
    for row in rows {
      let (sum, overflows) = total.addingReportingOverflow(try row.contribution())
      guard !overflows else { throw .usage(problem: "the sum of all images is too large") }
      total = sum
    }
    return total
  }
}
