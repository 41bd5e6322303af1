/// The type of a tensor's elements.
public enum ScalarType: String, CaseIterable, Codable, Sendable {
  /// IEEE 754 double precision.
  case float64
  /// IEEE 754 single precision.
  case float32
  /// IEEE 754 half precision.
  case float16
  /// The upper half of a single-precision number.
  case bfloat16
  /// Signed 64-bit integer.
  case int64
  /// Signed 32-bit integer.
  case int32
  /// Signed 16-bit integer.
  case int16
  /// Signed 8-bit integer.
  case int8
  /// Unsigned 8-bit integer.
  case uint8
  /// One byte, 0 or 1.
  case bool

  /// The bytes of one element.
  public var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Whether the elements are floating-point numbers.
  public var isFloatingPoint: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16: true
    case .int64, .int32, .int16, .int8, .uint8, .bool: false
    }
  }

  /// The name in a safetensors header, for example `F32`.
  public var safetensorsName: String {
    switch self {
    case .float64: "F64"
    case .float32: "F32"
    case .float16: "F16"
    case .bfloat16: "BF16"
    case .int64: "I64"
    case .int32: "I32"
    case .int16: "I16"
    case .int8: "I8"
    case .uint8: "U8"
    case .bool: "BOOL"
    }
  }

  /// The name of PyTorch's dtype without `torch.`, for example `float32`.
  public var torchName: String { rawValue }

  /// The name of PyTorch's storage class, for example `FloatStorage`.
  public var torchStorageName: String {
    switch self {
    case .float64: "DoubleStorage"
    case .float32: "FloatStorage"
    case .float16: "HalfStorage"
    case .bfloat16: "BFloat16Storage"
    case .int64: "LongStorage"
    case .int32: "IntStorage"
    case .int16: "ShortStorage"
    case .int8: "CharStorage"
    case .uint8: "ByteStorage"
    case .bool: "BoolStorage"
    }
  }

  /// Finds the type with a name of a safetensors header.
  ///
  /// - Parameter safetensorsName: The name, for example `BF16`.
  public init?(safetensorsName: String) {
    guard let type = ScalarType.allCases.first(where: { $0.safetensorsName == safetensorsName })
    else { return nil }
    self = type
  }

  /// Finds the type with a name of PyTorch, also an alias such as `half` or `long`.
  ///
  /// - Parameter torchName: The name without `torch.`.
  public init?(torchName: String) {
    let aliases: [String: ScalarType] = [
      "double": .float64, "float": .float32, "half": .float16, "long": .int64, "int": .int32,
      "short": .int16,
    ]
    guard let type = ScalarType(rawValue: torchName) ?? aliases[torchName] else { return nil }
    self = type
  }

  /// Finds the type of one of PyTorch's storage classes.
  ///
  /// - Parameter torchStorageName: The class name, for example `HalfStorage`.
  public init?(torchStorageName: String) {
    guard let type = ScalarType.allCases.first(where: { $0.torchStorageName == torchStorageName })
    else { return nil }
    self = type
  }
}
