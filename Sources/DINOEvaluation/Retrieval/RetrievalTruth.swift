/// What a query should find.
public struct RetrievalTruth: Equatable, Sendable, Codable {
  /// Gallery rows that show the same thing.
  public var positive: [Int]
  /// Gallery rows that are taken out of the ranking before positions count.
  public var junk: [Int]

  /// Creates a truth.
  ///
  /// - Parameters:
  ///   - positive: Gallery rows that show the same thing.
  ///   - junk: Gallery rows that are taken out of the ranking.
  public init(positive: [Int], junk: [Int] = []) {
    self.positive = positive
    self.junk = junk
  }
}

/// What a query of the revisited Oxford and Paris sets should find.
///
/// Source: Radenovic et al., 2018, section 3.
public struct RevisitedTruth: Equatable, Sendable, Codable {
  /// Clearly visible.
  public var easy: [Int]
  /// Visible under difficult conditions.
  public var hard: [Int]
  /// Hardly recognisable.
  public var junk: [Int]

  /// Creates a truth.
  ///
  /// - Parameters:
  ///   - easy: Gallery rows on which the thing is clearly visible.
  ///   - hard: Gallery rows on which it is visible under difficult conditions.
  ///   - junk: Gallery rows on which it is hardly recognisable.
  public init(easy: [Int], hard: [Int], junk: [Int]) {
    self.easy = easy
    self.hard = hard
    self.junk = junk
  }

  /// How difficult the positives are.
  public enum Level: String, CaseIterable, Sendable, Codable {
    /// Easy ones; hard ones are junk.
    case easy
    /// Easy and hard ones.
    case medium
    /// Hard ones; easy ones are junk.
    case hard
  }

  /// What the query should find at a level.
  ///
  /// - Parameter level: How difficult the positives are.
  /// - Returns: Positives and junk.
  public func truth(at level: Level) -> RetrievalTruth {
    switch level {
    case .easy: RetrievalTruth(positive: easy, junk: junk + hard)
    case .medium: RetrievalTruth(positive: easy + hard, junk: junk)
    case .hard: RetrievalTruth(positive: hard, junk: junk + easy)
    }
  }
}
