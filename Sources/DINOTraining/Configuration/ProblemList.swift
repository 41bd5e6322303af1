/// Collects what is wrong with the values of a configuration.
struct ProblemList {
  /// One line for each problem.
  private(set) var lines: [String] = []

  /// Notes a problem unless a condition holds; NaN fails every comparison and so is noted.
  mutating func demand(_ holds: Bool, _ line: @autoclosure () -> String) {
    if !holds { lines.append(line()) }
  }

  /// Notes an integer below its smallest value, or so large that sizes computed from it overflow.
  mutating func atLeast(
    _ least: Int, _ value: Int, _ key: String, atMost most: Int = 1_000_000_000
  ) {
    demand(value >= least, "\(key) is \(value), expected at least \(least)")
    demand(value <= most, "\(key) is \(value), expected at most \(most)")
  }

  /// Notes a number that is negative or not finite.
  mutating func notNegative(_ value: Double, _ key: String) {
    demand(value >= 0 && value.isFinite, "\(key) is \(value), expected 0 or more")
  }

  /// Notes a number that is not above 0 or not finite.
  mutating func positive(_ value: Double, _ key: String) {
    demand(value > 0 && value.isFinite, "\(key) is \(value), expected more than 0")
  }

  /// Notes a number outside of [0, 1].
  mutating func share(_ value: Double, _ key: String) {
    demand((0...1).contains(value), "\(key) is \(value), expected 0 to 1")
  }

  /// Notes a number outside of [0, 1).
  mutating func belowOne(_ value: Double, _ key: String) {
    demand((0..<1).contains(value), "\(key) is \(value), expected 0 or more and less than 1")
  }

  /// Notes a pair that is no range within [least, 1].
  mutating func range(_ pair: [Double], above least: Double, _ key: String) {
    let holds = pair.count == 2 && pair[0] >= least && pair[0] <= pair[1] && pair[1] <= 1
    let bound = least > 0 ? "more than 0" : "0"
    demand(holds, "\(key) is \(pair), expected two numbers that rise from \(bound) to at most 1")
  }
}
