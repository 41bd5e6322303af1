internal import CheckpointFormats
internal import Torch

extension DType {
  /// The tensor type of a stored type.
  init(_ stored: ScalarType) {
    self =
      switch stored {
      case .float64: .float64
      case .float32: .float32
      case .float16: .float16
      case .bfloat16: .bfloat16
      case .int64: .int64
      case .int32: .int32
      case .int16: .int16
      case .int8: .int8
      case .uint8: .uint8
      case .bool: .bool
      }
  }

  /// The stored type of a tensor type.
  var stored: ScalarType {
    switch self {
    case .float64: .float64
    case .float32: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .int64: .int64
    case .int32: .int32
    case .int16: .int16
    case .int8: .int8
    case .uint8: .uint8
    case .bool: .bool
    }
  }
}

extension Tensor {
  /// A tensor over the mapped bytes of a file, without a copy where they are aligned.
  ///
  /// The memory is read-only: clone the tensor before changing it in place.
  convenience init(_ stored: StoredTensor) throws(TorchError) {
    let aligned = stored.contiguous()
    try unsafe self.init(
      borrowing: aligned.bytes, shape: aligned.shape, dtype: DType(aligned.scalarType),
      owner: aligned.owner)
  }
}
