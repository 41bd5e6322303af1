/// The type of a tensor's elements.
///
/// Raw values are libtorch's own numbers, which its operators take as arguments.
public enum DType: Int32, CaseIterable, Sendable {
  case uint8 = 0
  case int8 = 1
  case int16 = 2
  case int32 = 3
  case int64 = 4
  case float16 = 5
  case float32 = 6
  case float64 = 7
  case bool = 11
  case bfloat16 = 15

  /// Size of one element in bytes.
  public var byteCount: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .int16, .float16, .bfloat16: 2
    case .int32, .float32: 4
    case .int64, .float64: 8
    }
  }

  /// Whether gradients can flow through tensors of this type.
  public var isFloatingPoint: Bool {
    switch self {
    case .float16, .float32, .float64, .bfloat16: true
    case .uint8, .int8, .int16, .int32, .int64, .bool: false
    }
  }
}

/// A Swift type that tensors can be made from and read into.
public protocol TensorElement: BitwiseCopyable, Sendable {
  /// The tensor's element type that has this memory layout.
  static var dtype: DType { get }
}

extension Float: TensorElement {
  /// The type that tensors of it have.
  public static var dtype: DType { .float32 }
}
extension Double: TensorElement {
  /// The type that tensors of it have.
  public static var dtype: DType { .float64 }
}
extension Int64: TensorElement {
  /// The type that tensors of it have.
  public static var dtype: DType { .int64 }
}
extension Int32: TensorElement {
  /// The type that tensors of it have.
  public static var dtype: DType { .int32 }
}
extension UInt8: TensorElement {
  /// The type that tensors of it have.
  public static var dtype: DType { .uint8 }
}
extension Bool: TensorElement {
  /// The type that tensors of it have.
  public static var dtype: DType { .bool }
}
