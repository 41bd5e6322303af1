extension StoredTensor {
  /// The elements as single-precision numbers, in row-major order.
  ///
  /// Half-precision types convert exactly; double precision and large integers are rounded; `true`
  /// becomes 1.
  ///
  /// - Returns: ``count`` values.
  /// - Throws: ``CheckpointError/usage(problem:)`` if the values do not fit into an array.
  public func floats() throws(CheckpointError) -> [Float] {
    try converted(
      fromDouble: { Float($0) }, fromFloat: { $0 }, fromInteger: { Float($0) })
  }

  /// The elements as double-precision numbers, in row-major order.
  ///
  /// - Returns: ``count`` values; exact for every type but int64 beyond 2^53.
  /// - Throws: ``CheckpointError/usage(problem:)`` if the values do not fit into an array.
  public func doubles() throws(CheckpointError) -> [Double] {
    try converted(
      fromDouble: { $0 }, fromFloat: { Double($0) }, fromInteger: { Double($0) })
  }

  /// The elements of an integer or Boolean tensor, in row-major order.
  ///
  /// - Returns: ``count`` values.
  /// - Throws: ``CheckpointError/usage(problem:)`` if the tensor holds floating-point numbers.
  public func integers() throws(CheckpointError) -> [Int] {
    guard !scalarType.isFloatingPoint else {
      throw .usage(problem: "integers were asked of a \(scalarType) tensor of shape \(shape)")
    }
    return try converted(
      fromDouble: { _ in 0 }, fromFloat: { _ in 0 }, fromInteger: { Int($0) })
  }

  /// The number of elements that are infinite or not a number; 0 for integer types.
  ///
  /// - Returns: The number of such elements.
  public func nonFiniteCount() -> Int {
    unsafe withContiguousBytes { bytes in
      switch scalarType {
      case .float64:
        unsafe StoredTensor.count(in: bytes, as: UInt64.self) { $0 & 0x7FF0 << 48 == 0x7FF0 << 48 }
      case .float32:
        unsafe StoredTensor.count(in: bytes, as: UInt32.self) { $0 & 0x7F80 << 16 == 0x7F80 << 16 }
      case .float16:
        unsafe StoredTensor.count(in: bytes, as: UInt16.self) { $0 & 0x7C00 == 0x7C00 }
      case .bfloat16:
        unsafe StoredTensor.count(in: bytes, as: UInt16.self) { $0 & 0x7F80 == 0x7F80 }
      case .int64, .int32, .int16, .int8, .uint8, .bool: 0
      }
    }
  }

  private static func count<Bits: FixedWidthInteger & BitwiseCopyable>(
    in bytes: UnsafeRawBufferPointer, as type: Bits.Type, where matches: (Bits) -> Bool
  ) -> Int {
    let size = MemoryLayout<Bits>.size
    var result = 0
    for index in 0..<(bytes.count / size)
    where unsafe matches(bytes.loadUnaligned(fromByteOffset: index * size, as: Bits.self)) {
      result += 1
    }
    return result
  }

  private func converted<Value>(
    fromDouble: (Double) -> Value, fromFloat: (Float) -> Value, fromInteger: (Int64) -> Value
  ) throws(CheckpointError) -> [Value] {
    guard count.checkedProduct(MemoryLayout<Value>.stride) != nil else {
      throw .usage(problem: "a tensor of shape \(shape) is too large for an array")
    }
    return unsafe withContiguousBytes { bytes in
      switch scalarType {
      case .float64: unsafe load(bytes, UInt64.self) { fromDouble(Double(bitPattern: $0)) }
      case .float32: unsafe load(bytes, UInt32.self) { fromFloat(Float(bitPattern: $0)) }
      case .float16: unsafe load(bytes, UInt16.self) { fromFloat(Float(halfBits: $0)) }
      case .bfloat16:
        unsafe load(bytes, UInt16.self) { fromFloat(Float(bitPattern: UInt32($0) << 16)) }
      case .int64: unsafe load(bytes, Int64.self) { fromInteger($0) }
      case .int32: unsafe load(bytes, Int32.self) { fromInteger(Int64($0)) }
      case .int16: unsafe load(bytes, Int16.self) { fromInteger(Int64($0)) }
      case .int8: unsafe load(bytes, Int8.self) { fromInteger(Int64($0)) }
      case .uint8, .bool: unsafe load(bytes, UInt8.self) { fromInteger(Int64($0)) }
      }
    }
  }

  @inline(__always)
  private func load<Stored: BitwiseCopyable, Value>(
    _ bytes: UnsafeRawBufferPointer, _ type: Stored.Type, _ convert: (Stored) -> Value
  ) -> [Value] {
    let size = MemoryLayout<Stored>.size
    let count = min(self.count, bytes.count / size)
    return unsafe [Value](unsafeUninitializedCapacity: count) { target, initialized in
      for index in 0..<count {
        let stored = unsafe bytes.loadUnaligned(fromByteOffset: index * size, as: Stored.self)
        unsafe target.initializeElement(at: index, to: convert(stored))
      }
      initialized = count
    }
  }
}

extension Float {
  /// The number that 16 bits of IEEE 754 half precision stand for.
  ///
  /// The exponent is moved to its place by a multiplication with 2^112, which also normalises
  /// subnormal numbers; infinities and NaN get their exponent back afterwards.
  ///
  /// - Parameter bits: Sign, five bits of exponent, ten of fraction.
  @inlinable
  package init(halfBits bits: UInt16) {
    let scaled = Float(bitPattern: UInt32(bits & 0x7FFF) << 13) * Float(bitPattern: 0x7780_0000)
    let special: UInt32 = bits & 0x7C00 == 0x7C00 ? 0x7F80_0000 : 0
    self = Float(bitPattern: scaled.bitPattern | special | UInt32(bits & 0x8000) << 16)
  }
}
