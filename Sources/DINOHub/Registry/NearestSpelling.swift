/// Finds the name that a user probably meant.
enum NearestSpelling {
  /// The candidate with the fewest edits, `nil` if all differ in more than a third of their letters.
  static func find(_ name: String, among candidates: [String]) -> String? {
    // The cost grows with the product of the lengths; no name is a tenth as long.
    let letters = Array(name.utf8.prefix(400))
    var best: (name: String, edits: Int)?
    for candidate in candidates {
      let edits = distance(letters, Array(candidate.utf8))
      guard edits <= max(letters.count, candidate.utf8.count) / 3 else { continue }
      if edits < best?.edits ?? Int.max { best = (candidate, edits) }
    }
    return best?.name
  }

  /// The least number of letters to insert, delete or replace (Levenshtein, 1966).
  private static func distance(_ first: [UInt8], _ second: [UInt8]) -> Int {
    var above = Array(0...second.count)
    for (row, letter) in first.enumerated() {
      var current = [row + 1]
      for (column, other) in second.enumerated() {
        let replaced = above[column] + (letter == other ? 0 : 1)
        current.append(min(replaced, above[column + 1] + 1, current[column] + 1))
      }
      above = current
    }
    return above[second.count]
  }
}
