public import CheckpointFormats
public import Testing

/// Records an issue unless values agree with an expected tensor.
///
/// The measure is that of the golden fixtures: the largest deviation, divided by the largest expected
/// magnitude (at least 1e-12), must not exceed the tolerance. NaN must stand exactly where NaN is
/// expected, an infinity where the same infinity is expected. The issue names the worst element.
///
/// - Parameters:
///   - got: The computed values in row-major order.
///   - shape: Their shape.
///   - expected: The expected tensor.
///   - tolerance: The largest allowed relative deviation; must be positive unless `exactly` is set.
///   - label: What is compared, for the message.
///   - exactly: Whether every value must be equal; the tolerance is then not looked at.
///   - sourceLocation: Where an issue is reported.
/// - Returns: The measured deviation, relative to the largest expected magnitude.
@discardableResult
public func expectClose(
  got: [Float], shape: [Int], expected: StoredTensor, tolerance: Double, label: String,
  exactly: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
) -> Double {
  expectClose(
    got: got.map { Double($0) }, shape: shape, expected: expected, tolerance: tolerance,
    label: label, exactly: exactly, sourceLocation: sourceLocation)
}

/// Records an issue unless values agree with an expected tensor, in double precision.
///
/// - Parameters:
///   - got: The computed values in row-major order.
///   - shape: Their shape.
///   - expected: The expected tensor.
///   - tolerance: The largest allowed relative deviation; must be positive unless `exactly` is set.
///   - label: What is compared, for the message.
///   - exactly: Whether every value must be equal; the tolerance is then not looked at.
///   - sourceLocation: Where an issue is reported.
/// - Returns: The measured deviation, relative to the largest expected magnitude.
@discardableResult
public func expectClose(
  got: [Double], shape: [Int], expected: StoredTensor, tolerance: Double, label: String,
  exactly: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
) -> Double {
  func fail(_ problem: String) -> Double {
    Issue.record("\(label): \(problem)", sourceLocation: sourceLocation)
    return .infinity
  }
  guard exactly || tolerance > 0 else {
    return fail("tolerance \(tolerance) is not positive; pass exactly: true for equality")
  }
  guard shape == expected.shape else {
    return fail("has shape \(shape), expected \(expected.shape)")
  }
  guard got.count == expected.count else {
    return fail("has \(got.count) values, its shape \(shape) needs \(expected.count)")
  }
  let wanted: [Double]
  do { wanted = try expected.doubles() } catch { return fail("\(error)") }

  let deviation = Deviation(got: got, wanted: wanted, limit: exactly ? 0 : tolerance)
  if let problem = deviation.problem(shape: shape) { return fail(problem) }
  return deviation.relative
}

/// Records an issue unless integers or truth values equal an expected tensor.
///
/// - Parameters:
///   - got: The computed values in row-major order; truth values as 0 and 1.
///   - shape: Their shape.
///   - expected: The expected tensor, of an integer type or Boolean.
///   - label: What is compared, for the message.
///   - sourceLocation: Where an issue is reported.
public func expectEqual(
  got: [Int], shape: [Int], expected: StoredTensor, label: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard shape == expected.shape, got.count == expected.count else {
    Issue.record(
      "\(label): has shape \(shape) and \(got.count) values, expected \(expected.shape)",
      sourceLocation: sourceLocation)
    return
  }
  do {
    let wanted = try expected.integers()
    let wrong = wanted.indices.filter { got[$0] != wanted[$0] }
    guard let first = wrong.first else { return }
    Issue.record(
      """
      \(label): \(wrong.count) of \(wanted.count) values differ; first at \
      \(position(of: first, in: shape)): got \(got[first]), expected \(wanted[first])
      """, sourceLocation: sourceLocation)
  } catch {
    Issue.record("\(label): \(error)", sourceLocation: sourceLocation)
  }
}

/// The worst element of a comparison.
private struct Deviation {
  var worst = 0
  var largest = 0.0
  var beyond = 0
  var misplaced: Int?
  var scale = 1e-12
  let got: [Double]
  let wanted: [Double]
  let limit: Double

  var relative: Double { largest / scale }

  init(got: [Double], wanted: [Double], limit: Double) {
    self.got = got
    self.wanted = wanted
    self.limit = limit
    for value in wanted where value.isFinite { scale = max(scale, abs(value)) }
    for index in wanted.indices {
      guard got[index].isFinite, wanted[index].isFinite else {
        let agrees =
          got[index] == wanted[index] || (got[index].isNaN && wanted[index].isNaN)
        if !agrees {
          beyond += 1
          if misplaced == nil { misplaced = index }
        }
        continue
      }
      let difference = abs(got[index] - wanted[index])
      if difference > limit * scale { beyond += 1 }
      if difference > largest { (worst, largest) = (index, difference) }
    }
  }

  func problem(shape: [Int]) -> String? {
    guard beyond > 0 else { return nil }
    let index = misplaced ?? worst
    let place = position(of: index, in: shape)
    return """
      \(beyond) of \(wanted.count) values are off; worst at \(place): got \(got[index]), \
      expected \(wanted[index]), difference \(abs(got[index] - wanted[index])); \
      relative to the largest magnitude \(scale): \(relative), allowed \(limit)
      """
  }
}

/// The position of an element of a row-major tensor.
private func position(of index: Int, in shape: [Int]) -> [Int] {
  var rest = index
  var result = [Int](repeating: 0, count: shape.count)
  for dimension in shape.indices.reversed() where shape[dimension] > 0 {
    result[dimension] = rest % shape[dimension]
    rest /= shape[dimension]
  }
  return result
}
