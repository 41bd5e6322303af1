internal import Kernels
internal import Torch

/// Sums over the columns of rows in double precision and in one fixed order.
///
/// Products of matrices add in an order that depends on their sizes and on the number of threads. What
/// decides between rows is therefore computed here once more, so that the decision is always the same.
enum ExactProducts {
  /// The sum of products of two rows.
  static func dot(
    _ one: UnsafeBufferPointer<Float>, _ other: UnsafeBufferPointer<Float>
  ) -> Double {
    let count = Swift.min(one.count, other.count)
    var rest = 0.0
    for column in (count / ExactSums.lanes * ExactSums.lanes)..<count {
      unsafe rest += Double(one[column]) * Double(other[column])
    }
    return unsafe ExactSums.dot(one, other).sum() + rest
  }

  /// The squared length of a row.
  static func squaredNorm(_ row: UnsafeBufferPointer<Float>) -> Double {
    unsafe dot(row, row)
  }

  /// The squared distance of a row from a point.
  static func squaredDistance(
    _ row: UnsafeBufferPointer<Float>, _ point: UnsafeBufferPointer<Double>
  ) -> Double {
    let count = Swift.min(row.count, point.count)
    var rest = 0.0
    for column in (count / ExactSums.lanes * ExactSums.lanes)..<count {
      let difference = unsafe Double(row[column]) - point[column]
      rest += difference * difference
    }
    return unsafe ExactSums.squaredDistance(row, point).sum() + rest
  }
}

extension UnsafeBufferPointer {
  /// The elements of a row of a matrix.
  func row(_ index: Int, _ columns: Int) -> UnsafeBufferPointer<Element> {
    unsafe UnsafeBufferPointer(rebasing: self[(index * columns)..<((index + 1) * columns)])
  }
}

extension Tensor {
  /// Calls a closure with the elements of a contiguous float32 tensor on the host.
  func withFloats<Result>(
    _ body: (UnsafeBufferPointer<Float>) throws(TorchError) -> Result
  ) throws(TorchError) -> Result {
    unsafe try withElements(as: Float.self, body)
  }

  /// Calls a closure with the elements of a contiguous tensor on the host.
  func withElements<Element: TensorElement, Result>(
    as type: Element.Type, _ body: (UnsafeBufferPointer<Element>) throws(TorchError) -> Result
  ) throws(TorchError) -> Result {
    guard dtype == Element.dtype else {
      throw TorchError("elements", "expected \(Element.dtype)", operands: [typeDescription])
    }
    return unsafe try withHostBytes { bytes throws(TorchError) in
      unsafe try body(UnsafeBufferPointer(bytes.assumingMemoryBound(to: Element.self)))
    }
  }
}
