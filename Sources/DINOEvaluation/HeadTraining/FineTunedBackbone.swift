package import DINOInference
package import DINOModels
internal import Glibc
internal import Imaging
package import Torch

/// How a backbone learns together with its head.
public struct FineTuningSettings: Sendable, Equatable {
  /// The learning rate of the last block.
  public var rate = 1e-4
  /// What the learning rate is multiplied by from each block to the one before.
  ///
  /// Source: Clark et al., 2020 (ELECTRA); Bao et al., 2022 (BEiT).
  public var layerDecay = 0.75
  /// The share of the steps in which the head learns alone, so that its first steps spoil nothing.
  ///
  /// Source: Kumar et al., 2022 (linear probing, then fine-tuning).
  public var headAlone = 0.3

  /// Creates settings.
  public init() {}

  /// The share of the rates at a step.
  func share(at step: Int, of steps: Int) -> Double {
    let alone = Int(headAlone * Double(steps))
    guard step >= alone else { return 0 }
    let rising = max((steps - alone) / 10, 1)
    if step - alone < rising { return Double(step - alone + 1) / Double(rising) }
    return Double(steps - step) / Double(max(steps - alone - rising, 1))
  }
}

/// Where the tokens of images come from.
package protocol TokenSource: AnyObject {
  /// The tokens of images after chosen blocks.
  ///
  /// - Parameters:
  ///   - images: `B` images of one size.
  ///   - blocks: The blocks, ascending.
  ///   - normalize: Whether the final norm is applied to them.
  /// - Returns: For each image the class token, then the patches, blocks side by side,
  ///   `[B, 1 + N, L · D]`.
  /// - Throws: `InferenceError` if a size does not fit or memory is short.
  func rows(
    of images: ImageBatch, after blocks: [Int], normalize: Bool
  ) async throws(InferenceError) -> Tensor
}

extension DINOv2: TokenSource {
  nonisolated package func rows(
    of images: ImageBatch, after blocks: [Int], normalize: Bool
  ) async throws(InferenceError) -> Tensor {
    let tokens = try await tokens(of: images, after: blocks, normalize: normalize)
    do throws(TorchError) {
      let values = (0..<images.count).flatMap { DenseFeatureJob.rows(of: $0, in: tokens) }
      let columns = blocks.count * config.embedDim
      return try Tensor(values, [images.count, values.count / (images.count * columns), columns])
    } catch { throw .torch(error) }
  }
}

/// A copy of a backbone that learns.
///
/// Tokens are handed out as leaves: what a head adds to their gradients is passed on through the backbone
/// by ``propagate()``, so that heads need not know whether their features stand still.
package final class FineTunedBackbone: TokenSource {
  let settings: FineTuningSettings
  package let model: VisionTransformer
  /// Whether gradients are wanted of the tokens that come.
  var isLearning = true
  private var pending: [(tokens: Tensor, leaf: Tensor)] = []

  /// Takes over a model, which will change.
  ///
  /// - Parameters:
  ///   - model: The model; one that was loaded to be used alone learns from here on.
  ///   - settings: How it learns.
  /// - Throws: `TorchError` if a parameter cannot learn.
  package init(
    _ model: VisionTransformer, _ settings: FineTuningSettings
  ) throws(TorchError) {
    self.model = model
    self.settings = settings
    // Loaded values may lie in the mapped file.
    var copies: [String: Tensor] = [:]
    for parameter in model.parameters.parameters {
      copies[parameter.name] = try parameter.value.detached().clone()
    }
    try model.parameters.loadPartially(copies)
    for parameter in model.parameters.parameters where !parameter.isBuffer {
      try parameter.value.requiringGrad()
    }
  }

  package func rows(
    of images: ImageBatch, after blocks: [Int], normalize: Bool
  ) async throws(InferenceError) -> Tensor {
    do throws(TorchError) {
      let pixels = try Tensor(
        images.values, [images.count, images.channels, images.size.height, images.size.width])
      guard isLearning else {
        return try withoutGradient { () throws(TorchError) in
          try tokens(pixels, blocks, normalize)
        }
      }
      let computed = try tokens(pixels, blocks, normalize)
      let leaf = try computed.detached().requiringGrad()
      pending.append((computed, leaf))
      return leaf
    } catch { throw .torch(error) }
  }

  private func tokens(
    _ pixels: Tensor, _ blocks: [Int], _ normalize: Bool
  ) throws(TorchError) -> Tensor {
    let layers = try model.intermediateLayers(pixels, .listed(blocks), normalize: normalize)
    let sides = try layers.map { layer throws(TorchError) in
      try Tensor.cat([layer.clsToken.unsqueeze(dim: 1), layer.patchTokens], dim: 1)
    }
    return try Tensor.cat(sides, dim: 2)
  }

  /// Passes the gradients of all tokens handed out since the last call on to the parameters.
  package func propagate() throws(TorchError) {
    defer { pending = [] }
    for (tokens, leaf) in pending {
      if let gradient = leaf.grad { try tokens.backward(gradient: gradient) }
    }
  }

  /// Forgets tokens whose gradients are not wanted.
  func forget() { pending = [] }

  /// Groups of parameters from the embedding to the last block, with shares of the learning rate.
  package func groups(weightDecay: Double) -> [(share: Double, group: ParameterGroup)] {
    let depth = model.config.depth
    let all = model.parameters.parameters.filter { !$0.isBuffer }
    return (0...depth).flatMap { level in
      let members = all.filter { Self.level(of: $0.name, depth: depth) == level }
      let share = pow(settings.layerDecay, Double(depth - level))
      // Norms, biases, scales and tokens bear no decay, as in pre-training.
      return [true, false].map { decays in
        let chosen = members.filter {
          ($0.value.shape.count > 1 && $0.name.hasSuffix("weight")) == decays
        }
        return (share, ParameterGroup(chosen, weightDecay: decays ? weightDecay : 0))
      }
    }
  }

  /// 0 for the embedding, the number of the block from 1 on; the final norm goes with the last block.
  private static func level(of name: String, depth: Int) -> Int {
    let parts = name.split(separator: ".")
    if parts.first == "blocks", parts.count > 1, let block = Int(parts[1]) { return block + 1 }
    return parts.first == "norm" ? depth : 0
  }
}
