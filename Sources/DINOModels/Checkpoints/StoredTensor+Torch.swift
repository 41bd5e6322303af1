package import CheckpointFormats
package import Torch

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
  ///
  /// - Parameter stored: A tensor of a file.
  /// - Throws: `TorchError` if libtorch refuses the memory.
  package convenience init(_ stored: StoredTensor) throws(TorchError) {
    let aligned = stored.contiguous()
    try unsafe self.init(
      borrowing: aligned.bytes, shape: aligned.shape, dtype: DType(aligned.scalarType),
      owner: aligned.owner)
  }
}

/// Keeps libtorch's memory alive while a stored tensor points into it.
///
/// Unchecked: a stored tensor only reads the memory, and libtorch counts references to it atomically.
/// That nobody changes the tensor meanwhile is the duty of whoever makes the stored tensor.
private final class TensorMemory: @unchecked Sendable {
  private let tensor: Tensor

  init(_ tensor: Tensor) { self.tensor = tensor }
}

extension StoredTensor {
  /// A tensor's elements on the host, to be written: shared where they lie there row by row, else
  /// copied.
  ///
  /// - Parameter tensor: The tensor; it must not be changed as long as the stored one is in use.
  /// - Throws: `TorchError` if the copy fails, `CheckpointError` if no file can hold the tensor.
  package init(sharing tensor: Tensor) throws {
    let host = try tensor.detached().to(device: .cpu).contiguous()
    guard let dtype = host.dtype else {
      throw TorchError("store", "no file holds a tensor of this type and shape, \(host.shape)")
    }
    self = try unsafe host.withHostBytes { bytes throws(TorchError) in
      Result { () throws(CheckpointError) in
        unsafe try StoredTensor(
          borrowing: UnsafeRawBufferPointer(bytes), as: dtype.stored, shape: host.shape,
          owner: TensorMemory(host))
      }
    }.get()
  }

  /// Whether another tensor has the same type, shape and bits.
  func hasSameBits(as other: StoredTensor) -> Bool {
    guard scalarType == other.scalarType, shape == other.shape else { return false }
    return unsafe withContiguousBytes { mine in
      unsafe other.withContiguousBytes { theirs in unsafe mine.elementsEqual(theirs) }
    }
  }
}
