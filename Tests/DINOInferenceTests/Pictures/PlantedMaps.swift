import DINOInference
import DINOModels

/// Numbers that look random and are the same on every run.
struct PlantedNumbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A number between -1 and 1.
  mutating func next() -> Float {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return Float((bits ^ bits >> 31) >> 40) * 0x1p-23 - 1
  }

  /// So many numbers.
  mutating func next(_ count: Int) -> [Float] { (0..<count).map { _ in next() } }

  /// The numbers from 0 on in another order.
  mutating func permutation(_ count: Int) -> [Int] {
    let keys = next(count)
    return (0..<count).sorted { keys[$0] < keys[$1] }
  }
}

/// An image with a blob in a rectangle: its patches lie around one token, all others around another,
/// and inside the blob three hidden numbers vary along known directions.
func mapWithBlob(
  _ grid: PatchGrid, rows: Range<Int>, columns: Range<Int>, width: Int = 16, seed: UInt64
) -> PatchMap {
  var numbers = PlantedNumbers(seed: seed)
  var values: [Float] = []
  for row in 0..<grid.height {
    for column in 0..<grid.width {
      var token = numbers.next(width).map { 0.05 * $0 }
      if rows.contains(row), columns.contains(column) {
        token[0] += 4
        token[1] += 0.9 * numbers.next()
        token[2] += 0.6 * numbers.next()
        token[3] += 0.3 * numbers.next()
      } else {
        token[0] -= 1
      }
      values += token
    }
  }
  return PatchMap(values: values, grid: grid, width: width)
}
