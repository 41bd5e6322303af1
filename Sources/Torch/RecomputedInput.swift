internal import CTorch

/// The input of a linear layer that is cheap to compute from what is kept anyway, such as a norm or a
/// nonlinearity: it is not kept for the way back but computed there again.
///
/// Source: Chen et al., 2016, section 3 (trading computation for memory).
public struct RecomputedInput {
  /// What it is computed from.
  let sources: [Tensor]
  /// Computes it from the sources alone.
  let compute: ([Tensor]) throws(TorchError) -> Tensor

  /// Creates the input of a layer.
  ///
  /// - Parameters:
  ///   - sources: Everything that has a gradient and takes part, parameters too.
  ///   - compute: Computes the input from the sources, which it is given in the same order.
  public init(
    from sources: [Tensor], _ compute: @escaping ([Tensor]) throws(TorchError) -> Tensor
  ) {
    self.sources = sources
    self.compute = compute
  }

  /// `x · weightᵀ + bias` over the last dimension, where `x` is this input.
  ///
  /// Equal to ``Tensor/linear(weight:bias:)`` in values and gradients; gradients of gradients are not
  /// there.
  ///
  /// - Parameters:
  ///   - weight: `[O, I]`.
  ///   - bias: `[O]`.
  /// - Returns: `[…, O]`.
  /// - Throws: ``TorchError`` if the widths differ.
  public func linear(weight: Tensor, bias: Tensor?) throws(TorchError) -> Tensor {
    let inputs = sources + [weight] + (bias.map { [$0] } ?? [])
    return try withCustomGradient(inputs: inputs) {
      () throws(TorchError) -> (outputs: [Tensor], gradient: GradientFunction) in
      let y = try compute(sources).linear(weight: weight, bias: bias)
      let precision = ct_autocast_dtype(weight.device.typeAndIndex.type)
      let gradient: GradientFunction = { upstream throws(TorchError) in
        guard let upstream = upstream[0] else { return inputs.map { _ in nil } }
        // The way back multiplies in the dtype of the way there.
        return try withAutocastCode(precision, on: weight.device) { () throws(TorchError) in
          try gradients(from: upstream, weight: weight, bias: bias)
        }
      }
      return ([y], gradient)
    }[0]
  }

  private func gradients(
    from upstream: Tensor, weight: Tensor, bias: Tensor?
  ) throws(TorchError) -> [Tensor?] {
    let leaves = try sources.map { source throws(TorchError) in
      try source.detached().requiringGrad(source.requiresGrad)
    }
    let x = try withGradientMode(true) { () throws(TorchError) in try compute(leaves) }
    let rows = try upstream.reshape(-1, weight.size(0))
    let wanted = leaves.filter(\.requiresGrad)
    var found: [Tensor?] = []
    if !wanted.isEmpty {
      let ofInput = try rows.matmul(weight).to(dtype: x.dtype ?? .float32).reshape(x.shape)
      found = try x.gradients(of: wanted, gradient: ofInput)
    }
    var ofSources = found.makeIterator()
    var gradients = leaves.map { $0.requiresGrad ? ofSources.next() ?? nil : nil }
    gradients.append(
      weight.requiresGrad
        ? try rows.transpose(0, 1).matmul(x.detached().reshape(-1, weight.size(1))) : nil)
    if let bias { gradients.append(bias.requiresGrad ? try rows.sum(dim: 0) : nil) }
    return gradients
  }
}
