/// The weights with which the pixels of one axis make those of the resized axis.
///
/// Output `i` is the sum over inputs `first[i] ..< first[i] + count[i]`; weights are rounded to 22 bits
/// after the point, half away from zero, as Pillow rounds them (its sums are then exact integers).
struct AxisWeights {
  private(set) var first: [Int32]
  private(set) var count: [Int32]
  private(set) var weights: [Int32]
  let taps: Int

  static let fractionBits = 22

  /// Computes the weights of a window of outputs.
  ///
  /// - Parameters:
  ///   - inputs: The number of input pixels.
  ///   - start: Where the source range begins; single precision, as in Pillow.
  ///   - end: Where it ends.
  ///   - outputs: The number of output pixels that the range is resized to.
  ///   - window: Which of them are wanted.
  ///   - filter: The kernel.
  /// - Throws: ``ImageError/usage(problem:)`` if the weights would take too much memory.
  init(
    inputs: Int, start: Float, end: Float, outputs: Int, window: Range<Int>, filter: ResampleFilter
  ) throws(ImageError) {
    let scale = Double(end - start) / Double(outputs)
    let widening = max(scale, 1)
    let support = filter.support * widening
    let inverse = 1 / widening
    let taps = min(Int(support.rounded(.up)) * 2 + 1, inputs)
    let (total, overflow) = taps.multipliedReportingOverflow(by: window.count)
    guard !overflow, total <= 1 << 30, inputs <= Int(Int32.max / 4) else {
      throw .usage(
        problem: "resizing \(inputs) pixels to \(outputs) needs too many weights; "
          + "ask for a smaller window")
    }
    self.taps = taps
    first = []
    count = []
    first.reserveCapacity(window.count)
    count.reserveCapacity(window.count)
    weights = [Int32](repeating: 0, count: total)
    var row = [Double](repeating: 0, count: taps)
    let one = Double(1 << AxisWeights.fractionBits)
    for (index, output) in window.enumerated() {
      let center = Double(start) + (Double(output) + 0.5) * scale
      let low = max(Int(center - support + 0.5), 0)
      let high = min(Int(center + support + 0.5), inputs)
      let used = max(high - low, 0)
      var sum = 0.0
      for tap in 0..<used {
        row[tap] = filter.weight(at: (Double(tap + low) - center + 0.5) * inverse)
        sum += row[tap]
      }
      for tap in 0..<used {
        let fixed = (sum == 0 ? row[tap] : row[tap] / sum) * one
        // Clamped, since a sum close to zero (an odd box) makes weights beyond all bounds.
        let rounded = fixed < 0 ? fixed - 0.5 : fixed + 0.5
        weights[index * taps + tap] = Int32(max(min(rounded, 0x7FFF_FFFF), -0x8000_0000))
      }
      first.append(Int32(min(low, inputs - 1)))
      count.append(Int32(used))
    }
  }

  /// The inputs that the outputs need; at least one.
  var inputRange: Range<Int> {
    var low = Int.max
    var high = 0
    for index in first.indices where count[index] > 0 {
      low = min(low, Int(first[index]))
      high = max(high, Int(first[index]) + Int(count[index]))
    }
    return low < high ? low..<high : 0..<1
  }

  /// The same weights for inputs that begin with the first one that is needed.
  func countingFromFirstInput() -> AxisWeights {
    var result = self
    let offset = Int32(inputRange.lowerBound)
    for index in first.indices { result.first[index] = max(first[index] - offset, 0) }
    return result
  }
}
