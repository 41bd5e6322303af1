internal import CTorch

/// One argument of an operator, tagged with its type.
enum Argument {
  case none
  case tensor(Tensor)
  case int(Int)
  case double(Double)
  case bool(Bool)
  case string(String)
  case ints([Int])
  case doubles([Double])
  case tensors([Tensor])
  case optionalTensors([Tensor?])
  case device(Device)
  case generator(Generator)
  /// The schema's default.
  case byDefault

  static func optional(_ tensor: Tensor?) -> Argument { tensor.map(Argument.tensor) ?? .none }
  static func optional(_ int: Int?) -> Argument { int.map(Argument.int) ?? .none }
  static func optional(_ generator: Generator?) -> Argument {
    generator.map(Argument.generator) ?? .none
  }
  static func dtype(_ dtype: DType?) -> Argument {
    dtype.map { .int(Int($0.rawValue)) } ?? .none
  }

  /// Shape and dtype of the tensors in the argument.
  var operandDescriptions: [String] {
    switch self {
    case .tensor(let tensor): [tensor.typeDescription]
    case .tensors(let tensors): tensors.map(\.typeDescription)
    case .optionalTensors(let tensors): tensors.compactMap { $0?.typeDescription }
    default: []
    }
  }
}

/// Arguments in the form of the C interface.
///
/// Lists and strings lie in pools whose addresses are filled in when the call is made, since an
/// array may move while it grows.
struct Marshalled {
  private var values: [ct_value] = []
  private var ints: [Int64] = []
  private var doubles: [Double] = []
  private var handles: [UnsafeRawPointer?] = []
  private var bytes: [UInt8] = []

  init(_ arguments: [Argument]) {
    values.reserveCapacity(arguments.count)
    for argument in arguments { values.append(value(of: argument)) }
  }

  private mutating func value(of argument: Argument) -> ct_value {
    switch argument {
    case .none: make(CT_NONE)
    case .byDefault: make(CT_DEFAULT)
    case .tensor(let tensor): make(CT_TENSOR, pointer: tensor.pointer)
    case .int(let int): make(CT_INT, integer: Int64(int))
    case .bool(let bool): make(CT_BOOL, integer: bool ? 1 : 0)
    case .double(let double):
      ct_value(tag: CT_DOUBLE, integer: 0, number: double, pointer: nil, count: 0)
    case .device(let device):
      make(
        CT_DEVICE, integer: Int64(device.typeAndIndex.type),
        count: Int(device.typeAndIndex.index))
    case .generator(let generator): make(CT_GENERATOR, pointer: UnsafeRawPointer(generator.handle))
    case .string(let string): pooled(CT_STRING, Array(string.utf8), in: &bytes)
    case .ints(let list): pooled(CT_INT_LIST, list.map(Int64.init), in: &ints)
    case .doubles(let list): pooled(CT_DOUBLE_LIST, list, in: &doubles)
    case .tensors(let list):
      pooled(CT_TENSOR_LIST, list.map { Optional($0.pointer) }, in: &handles)
    case .optionalTensors(let list):
      pooled(CT_OPTIONAL_TENSOR_LIST, list.map { $0?.pointer }, in: &handles)
    }
  }

  private func make(
    _ tag: ct_tag, integer: Int64 = 0, pointer: UnsafeRawPointer? = nil, count: Int = 0
  ) -> ct_value {
    ct_value(tag: tag, integer: integer, number: 0, pointer: pointer, count: Int64(count))
  }

  /// Appends to a pool and remembers the place in `integer` until the call.
  private func pooled<Element>(
    _ tag: ct_tag, _ list: [Element], in pool: inout [Element]
  ) -> ct_value {
    defer { pool += list }
    return make(tag, integer: Int64(pool.count), count: list.count)
  }

  mutating func withValues<Result>(_ body: (UnsafeBufferPointer<ct_value>) -> Result) -> Result {
    ints.withUnsafeBytes { ints in
      doubles.withUnsafeBytes { doubles in
        handles.withUnsafeBytes { handles in
          bytes.withUnsafeBytes { bytes in
            for index in values.indices {
              let (pool, stride): (UnsafeRawBufferPointer, Int) =
                switch values[index].tag {
                case CT_INT_LIST: (ints, 8)
                case CT_DOUBLE_LIST: (doubles, 8)
                case CT_TENSOR_LIST, CT_OPTIONAL_TENSOR_LIST:
                  (handles, MemoryLayout<UnsafeRawPointer?>.stride)
                case CT_STRING: (bytes, 1)
                default: (UnsafeRawBufferPointer(start: nil, count: 0), 0)
                }
              if stride > 0 {
                values[index].pointer = pool.baseAddress.map {
                  $0 + Int(values[index].integer) * stride
                }
              }
            }
            return values.withUnsafeBufferPointer(body)
          }
        }
      }
    }
  }
}
