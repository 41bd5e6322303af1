internal import Glibc

/// Finds what a user probably meant.
public enum NearestName {
  /// The candidate with the fewest edits to `name`, if it is near enough to be meant.
  ///
  /// - Parameters:
  ///   - name: What was written.
  ///   - candidates: What could have been meant; the first of equals wins.
  /// - Returns: The candidate, or `nil` if all differ in more than a third of their letters.
  public static func find(_ name: String, among candidates: [String]) -> String? {
    let letters = Array(name.utf8)
    var best: (name: String, distance: Int)?
    for candidate in candidates {
      let other = Array(candidate.utf8)
      let limit = Swift.max(letters.count, other.count) / 3
      let bound = Swift.min(limit, (best?.distance ?? Int.max) - 1)
      guard bound >= 0, abs(letters.count - other.count) <= bound else { continue }
      let distance = editDistance(letters, other)
      if distance <= bound { best = (candidate, distance) }
    }
    return best?.name
  }

  private static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, letter) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, other) in b.enumerated() {
        let above = row[j + 1]
        row[j + 1] = Swift.min(above + 1, row[j] + 1, diagonal + (letter == other ? 0 : 1))
        diagonal = above
      }
    }
    return row[b.count]
  }
}

/// The Gauss error function.
func errorFunction(_ x: Double) -> Double { erf(x) }
