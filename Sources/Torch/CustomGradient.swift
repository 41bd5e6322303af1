internal import CTorch

/// The gradients of the inputs of a computation, from those of its outputs.
///
/// An output that nothing depends on has no gradient; an input that needs none may get nil.
public typealias GradientFunction = ([Tensor?]) throws(TorchError) -> [Tensor?]

/// Computes tensors without a graph and gives them a gradient of one's own.
///
/// - Parameters:
///   - inputs: What the outputs are computed from; the gradient's results stand in this order.
///   - compute: Computes the outputs and returns them with the function that computes the inputs'
///     gradients, once. It keeps alive what it captures until the graph is let go.
/// - Returns: The outputs.
/// - Throws: What `compute` throws, or ``TorchError`` if the outputs already have a graph.
public func withCustomGradient(
  inputs: [Tensor],
  _ compute: () throws(TorchError) -> (outputs: [Tensor], gradient: GradientFunction)
) throws(TorchError) -> [Tensor] {
  let isRecording = ct_grad_mode_enabled()
  let (outputs, gradient) = try withoutGradient(compute)
  guard isRecording, inputs.contains(where: \.requiresGrad) else { return outputs }
  let context = Unmanaged.passRetained(GradientContext(gradient)).toOpaque()
  var inputHandles = inputs.map { Optional($0.handle) }
  var outputHandles = outputs.map { Optional($0.handle) }
  try checked("custom_gradient") {
    ct_attach_gradient(
      &inputHandles, Int64(inputs.count), &outputHandles, Int64(outputs.count), runGradient,
      { context in
        if let context { Unmanaged<GradientContext>.fromOpaque(context).release() }
      }, context, $0)
  }
  return outputs
}

private final class GradientContext {
  let gradient: GradientFunction
  init(_ gradient: @escaping GradientFunction) { self.gradient = gradient }
}

/// Calls the Swift function of a node of the graph.
private func runGradient(
  context: UnsafeMutableRawPointer?,
  outputGradients: UnsafePointer<OpaquePointer?>?, outputCount: Int64,
  inputGradients: UnsafeMutablePointer<OpaquePointer?>?, inputCount: Int64, message: ct_message
) -> ct_status {
  guard let context else { return CT_FAILED }
  let function = Unmanaged<GradientContext>.fromOpaque(context).takeUnretainedValue()
  let given = (0..<Int(outputCount)).map { index in
    outputGradients?[index].map { Tensor(owning: ct_tensor_retain($0)) }
  }
  do {
    let found = try withoutGradient { () throws(TorchError) in try function.gradient(given) }
    for (index, gradient) in found.prefix(Int(inputCount)).enumerated() {
      inputGradients?[index] = gradient.map { ct_tensor_retain($0.handle) }
    }
    return CT_OK
  } catch {
    let text = Array(error.description.utf8CString.prefix(Swift.max(message.capacity, 1)))
    if let target = message.text, message.capacity > 0 {
      target.update(from: text, count: text.count)
      target[text.count - 1] = 0
    }
    return error.kind == .outOfMemory ? CT_OUT_OF_MEMORY : CT_FAILED
  }
}
