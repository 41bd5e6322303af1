private let emptyOperator = Operator("aten::empty", "memory_format")
private let fullOperator = Operator("aten::full")
private let arangeOperator = Operator("aten::arange", "start_step")
private let linspaceOperator = Operator("aten::linspace")
private let randOperator = Operator("aten::rand", "generator")
private let randnOperator = Operator("aten::randn", "generator")
private let randpermOperator = Operator("aten::randperm", "generator")
private let toOperator = Operator("aten::to", "dtype_layout")
private let contiguousOperator = Operator("aten::contiguous")
private let cloneOperator = Operator("aten::clone")

extension Tensor {
  /// A tensor whose elements are not set.
  ///
  /// - Parameters:
  ///   - shape: The sizes.
  ///   - dtype: The type of the elements.
  ///   - device: Where it lives.
  /// - Returns: The tensor.
  /// - Throws: ``TorchError`` for a negative size or too little memory.
  public static func empty(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try emptyOperator.tensor(.ints(shape), .dtype(dtype), .none, .device(device))
  }

  /// A tensor filled with one value.
  ///
  /// - Parameters:
  ///   - shape: The sizes; `[]` for a scalar.
  ///   - value: The value.
  ///   - dtype: The type of the elements.
  ///   - device: Where it lives.
  /// - Returns: The tensor.
  /// - Throws: ``TorchError`` for a negative size or too little memory.
  public static func full(
    _ shape: [Int], _ value: Double, dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try fullOperator.tensor(.ints(shape), .double(value), .dtype(dtype), .none, .device(device))
  }

  /// A tensor of zeros.
  ///
  /// - Parameters:
  ///   - shape: The sizes; `[]` for a scalar.
  ///   - dtype: The type of the elements.
  ///   - device: Where it lives.
  /// - Returns: The tensor.
  /// - Throws: ``TorchError`` for a negative size or too little memory.
  public static func zeros(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try full(shape, 0, dtype: dtype, device: device)
  }

  /// A tensor of ones.
  ///
  /// - Parameters:
  ///   - shape: The sizes; `[]` for a scalar.
  ///   - dtype: The type of the elements.
  ///   - device: Where it lives.
  /// - Returns: The tensor.
  /// - Throws: ``TorchError`` for a negative size or too little memory.
  public static func ones(
    _ shape: [Int], dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try full(shape, 1, dtype: dtype, device: device)
  }

  /// The integers of a range, `[N]`, int64.
  ///
  /// - Parameters:
  ///   - range: The integers.
  ///   - device: Where the tensor lives.
  /// - Returns: The tensor.
  /// - Throws: ``TorchError`` if there is too little memory.
  public static func arange(
    _ range: Range<Int>, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try arangeOperator.tensor(
      .int(range.lowerBound), .int(range.upperBound), .int(1), .dtype(.int64), .none,
      .device(device))
  }

  /// Evenly spaced values, both ends included, `[count]`.
  ///
  /// - Parameters:
  ///   - start: The first value.
  ///   - end: The last value.
  ///   - count: How many.
  ///   - dtype: The type of the elements.
  /// - Returns: The tensor.
  /// - Throws: ``TorchError`` for a negative count.
  public static func linspace(
    _ start: Double, _ end: Double, count: Int, dtype: DType = .float32
  ) throws(TorchError) -> Tensor {
    try linspaceOperator.tensor(.double(start), .double(end), .int(count), .dtype(dtype))
  }

  /// Uniform random values in [0, 1).
  ///
  /// - Parameters:
  ///   - shape: The sizes.
  ///   - generator: Where the random numbers come from.
  ///   - dtype: The type of the elements.
  /// - Returns: The tensor, on the generator's device.
  /// - Throws: ``TorchError`` for a negative size or too little memory.
  public static func rand(
    _ shape: [Int], generator: Generator, dtype: DType = .float32
  ) throws(TorchError) -> Tensor {
    try randOperator.tensor(
      .ints(shape), .generator(generator), .dtype(dtype), .none, .device(generator.device))
  }

  /// Standard normal random values.
  ///
  /// - Parameters:
  ///   - shape: The sizes.
  ///   - generator: Where the random numbers come from.
  ///   - dtype: The type of the elements.
  /// - Returns: The tensor, on the generator's device.
  /// - Throws: ``TorchError`` for a negative size or too little memory.
  public static func randn(
    _ shape: [Int], generator: Generator, dtype: DType = .float32
  ) throws(TorchError) -> Tensor {
    try randnOperator.tensor(
      .ints(shape), .generator(generator), .dtype(dtype), .none, .device(generator.device))
  }

  /// A random order of `0..<count`, `[count]`, int64.
  ///
  /// - Parameters:
  ///   - count: How many.
  ///   - generator: Where the random numbers come from.
  /// - Returns: The tensor, on the generator's device.
  /// - Throws: ``TorchError`` for a negative count.
  public static func randperm(
    _ count: Int, generator: Generator
  ) throws(TorchError) -> Tensor {
    try randpermOperator.tensor(
      .int(count), .generator(generator), .dtype(.int64), .none, .device(generator.device))
  }

  /// The same values in another dtype; the tensor itself if it has it already.
  ///
  /// - Parameter dtype: The type of the elements.
  /// - Returns: The tensor.
  /// - Throws: ``TorchError`` if there is too little memory.
  public func to(dtype: DType) throws(TorchError) -> Tensor {
    if dtype == self.dtype { return self }
    return try toOperator.tensor(.tensor(self), .dtype(dtype))
  }

  /// The same values on another device; the tensor itself if it is there already.
  ///
  /// - Parameter device: Where to.
  /// - Returns: The tensor.
  /// - Throws: ``TorchError`` if the device does not exist or has too little memory.
  public func to(device: Device) throws(TorchError) -> Tensor {
    if device == self.device { return self }
    return try toOperator.tensor(.tensor(self), .none, .none, .device(device))
  }

  /// The tensor with its elements row by row; itself if it is that already.
  ///
  /// - Returns: The tensor.
  /// - Throws: ``TorchError`` if there is too little memory.
  public func contiguous() throws(TorchError) -> Tensor {
    isContiguous ? self : try contiguousOperator.tensor(.tensor(self))
  }

  /// A copy that shares no memory.
  ///
  /// - Returns: The copy.
  /// - Throws: ``TorchError`` if there is too little memory.
  public func clone() throws(TorchError) -> Tensor { try cloneOperator.tensor(.tensor(self)) }
}
