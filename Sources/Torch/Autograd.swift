internal import CTorch

private let detachOperator = Operator("aten::detach")

extension Tensor {
  /// Whether operations on this tensor are recorded for a backward pass.
  public var requiresGrad: Bool { ct_tensor_requires_grad(handle) }

  /// The gradient that backward passes have accumulated, if any.
  public var grad: Tensor? { ct_tensor_grad(handle).map(Tensor.init(owning:)) }

  /// Forgets the accumulated gradient.
  public func clearGrad() { ct_tensor_clear_grad(handle) }

  /// Switches recording on or off.
  ///
  /// - Parameter required: Whether gradients are wanted.
  /// - Returns: This tensor.
  /// - Throws: ``TorchError`` if the dtype has no gradient or the tensor is not a leaf.
  @discardableResult
  public func requiringGrad(_ required: Bool = true) throws(TorchError) -> Tensor {
    try checked("requires_grad", operands: [typeDescription]) {
      ct_tensor_set_requires_grad(handle, required, $0)
    }
    return self
  }

  /// The same elements, cut off from the graph.
  public func detached() throws(TorchError) -> Tensor {
    try detachOperator.tensor(.tensor(self))
  }

  /// Adds the gradients of this tensor to the `grad` of every leaf that it depends on.
  ///
  /// - Parameters:
  ///   - gradient: The gradient of this tensor; may be left out for a scalar.
  ///   - retainGraph: Whether another backward pass will follow.
  /// - Throws: ``TorchError`` if the tensor has no graph, or is no scalar and no gradient is given.
  public func backward(
    gradient: Tensor? = nil, retainGraph: Bool = false
  ) throws(TorchError) {
    var outputs: [OpaquePointer?] = [handle]
    var gradients: [OpaquePointer?] = [gradient?.handle]
    try checked("backward", operands: [typeDescription]) {
      ct_backward(&outputs, 1, &gradients, retainGraph, false, $0)
    }
  }

  /// The gradients of this tensor with respect to others, without touching their `grad`.
  ///
  /// - Parameters:
  ///   - inputs: Tensors that require gradients.
  ///   - gradient: The gradient of this tensor; may be left out for a scalar.
  ///   - createGraph: Whether the gradients can be differentiated again.
  /// - Returns: One gradient per input; `nil` where this tensor does not depend on it.
  /// - Throws: ``TorchError`` if the tensor has no graph.
  public func gradients(
    of inputs: [Tensor], gradient: Tensor? = nil, createGraph: Bool = false
  ) throws(TorchError) -> [Tensor?] {
    var outputs: [OpaquePointer?] = [handle]
    var outputGradients: [OpaquePointer?] = [gradient?.handle]
    var inputHandles = inputs.map { Optional($0.handle) }
    var found = [OpaquePointer?](repeating: nil, count: inputs.count)
    try checked("grad", operands: [typeDescription]) {
      ct_gradients(
        &outputs, 1, &outputGradients, &inputHandles, Int64(inputs.count), createGraph,
        createGraph, &found, $0)
    }
    return found.map { $0.map(Tensor.init(owning:)) }
  }
}

/// Runs a closure without recording for backward passes.
///
/// libtorch keeps this mode per thread, so the closure cannot suspend.
public func withoutGradient<Result>(
  _ body: () throws(TorchError) -> Result
) throws(TorchError) -> Result {
  try withGradientMode(false, body)
}

/// Runs a closure with or without recording for backward passes.
func withGradientMode<Result>(
  _ isEnabled: Bool, _ body: () throws(TorchError) -> Result
) throws(TorchError) -> Result {
  let wasEnabled = ct_grad_mode_enabled()
  ct_grad_mode_set(isEnabled)
  defer { ct_grad_mode_set(wasEnabled) }
  return try body()
}

/// Runs a closure in which no tensor can ever take part in a backward pass; the fastest mode.
public func withInferenceMode<Result, Failure: Error>(
  _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  let guardHandle = ct_inference_guard_enter()
  defer { ct_inference_guard_leave(guardHandle) }
  return try body()
}

/// Runs a closure in which matrix products and convolutions compute in a smaller dtype.
///
/// - Parameters:
///   - dtype: `bfloat16` or `float16`.
///   - device: The device whose operations are meant.
///   - body: The computation; it cannot suspend, since the mode belongs to the thread.
/// - Returns: What the closure returns.
/// - Throws: What the closure throws.
public func withAutocast<Result>(
  to dtype: DType, on device: Device = .cpu, _ body: () throws(TorchError) -> Result
) throws(TorchError) -> Result {
  try withAutocastCode(dtype.rawValue, on: device, body)
}

/// Runs a closure under the autocast that a code of libtorch names; -1 is none.
func withAutocastCode<Result>(
  _ code: Int32, on device: Device, _ body: () throws(TorchError) -> Result
) throws(TorchError) -> Result {
  let type = device.typeAndIndex.type
  let before = ct_autocast_dtype(type)
  ct_autocast_set(type, code)
  defer { ct_autocast_set(type, before) }
  return try body()
}
