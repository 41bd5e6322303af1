/// The random numbers of k-means++.
public enum SeedingDraws: Sendable {
  /// Drawn from a stream.
  case random(CounterRandom)
  /// Recorded: the first row, and for each further centre one number in `[0, 1)` per local trial.
  case recorded(first: Int, uniforms: [[Double]])

  /// The first centre.
  func first(below count: Int) throws(CurationError) -> Int {
    switch self {
    case .random(var random): return random.integer(below: count)
    case .recorded(let first, _):
      guard first >= 0, first < count else {
        throw .usage(problem: "the first centre is row \(first) of \(count)")
      }
      return first
    }
  }

  /// The numbers for a centre, counted from 1 after the first.
  func uniforms(centre: Int, trials: Int) throws(CurationError) -> [Double] {
    switch self {
    case .random(let random):
      // Index 0 and what a rejection could take after it belong to the first centre.
      let start = 1 << 16 + (centre - 1) * trials
      return (0..<trials).map { random.uniform(at: UInt64(start + $0)) }
    case .recorded(_, let uniforms):
      guard centre - 1 < uniforms.count, !uniforms[centre - 1].isEmpty else {
        throw .usage(problem: "no random numbers are recorded for centre \(centre)")
      }
      return uniforms[centre - 1]
    }
  }
}
