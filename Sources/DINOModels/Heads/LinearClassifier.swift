public import CheckpointFormats
public import Torch

/// The official classifier: one linear layer on class tokens and the mean of the patch tokens.
///
/// Input of one layer: `[cls, mean patch]` of the last block, `2D`. Of four layers: the class tokens
/// of the last four blocks, first block first, then the mean patch token of the last, `5D`. All after
/// the final norm; registers take no part.
///
/// Source: Oquab et al., 2023, appendix B.3; the published `linear_head` and `linear4_head` files.
public final class LinearClassifier {
  /// How many blocks the class tokens are taken from.
  public let layers: Int
  /// The number of classes.
  public let classes: Int
  /// The classes' names by index, where they are known.
  public let labels: [Int: String]
  private let weight: Tensor
  private let bias: Tensor?

  /// Reads a head file with the keys `weight` and `bias`.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - embedDim: Width of the backbone's tokens.
  /// - Returns: The classifier.
  /// - Throws: ``ModelError`` if the file is refused or fits no number of layers.
  public static func read(_ path: String, embedDim: Int) throws(ModelError) -> LinearClassifier {
    do {
      let checkpoint = try Checkpoint.read(path)
      var tensors: [String: StoredTensor] = [:]
      for (name, tensor) in checkpoint.tensors {
        // Training code of the original wraps the layer as `linear` or `classifier`.
        tensors[
          name.split(whereSeparator: { $0 == "." || $0 == "/" }).last.map(String.init) ?? name] =
          tensor
      }
      return try LinearClassifier(tensors, path: path, embedDim: embedDim)
    } catch let error as CheckpointError {
      throw .checkpoint(error)
    } catch let error as ModelError {
      throw error
    } catch {
      throw .unrecognized(path: path, problem: "\(error)")
    }
  }

  /// Takes over the tensors of a head.
  ///
  /// - Parameters:
  ///   - tensors: `weight` `[K, (1 + layers) · D]` and, if there is one, `bias` `[K]`.
  ///   - path: The file, for messages.
  ///   - embedDim: Width of the backbone's tokens, `D`.
  ///   - labels: The classes' names by index.
  /// - Throws: ``ModelError`` if the shapes fit no number of layers.
  public init(
    _ tensors: [String: StoredTensor], path: String, embedDim: Int, labels: [Int: String] = [:]
  ) throws(ModelError) {
    guard let weight = tensors["weight"], weight.shape.count == 2 else {
      throw .unrecognized(
        path: path, problem: "no classifier: expected the keys weight [classes, features] and bias")
    }
    let features = weight.shape[1]
    guard embedDim > 0, features % embedDim == 0, features / embedDim >= 2 else {
      throw .mismatch(
        path: path, model: "a backbone of width \(embedDim)",
        problems: [
          "weight is \(weight.shape); expected \(2 * embedDim) features (1 layer) or "
            + "\(5 * embedDim) (4 layers)"
        ])
    }
    do {
      self.weight = try Tensor(weight).to(dtype: .float32)
      bias = try tensors["bias"].map { stored throws(TorchError) in
        try Tensor(stored).to(dtype: .float32)
      }
    } catch {
      throw .torch(error)
    }
    layers = features / embedDim - 1
    classes = weight.shape[0]
    self.labels = labels
  }

  /// Scores of the classes.
  ///
  /// - Parameter features: Outputs of the last ``layers`` blocks, in their order, after the norm.
  /// - Returns: Logits, `[B, K]`.
  /// - Throws: ``TorchError`` if the number of blocks or the width differs.
  public func callAsFunction(_ features: [BackboneFeatures]) throws(TorchError) -> Tensor {
    guard features.count == layers, let last = features.last else {
      throw TorchError("classifier", "takes \(layers) blocks, given \(features.count)")
    }
    var parts: [Tensor] = []
    for block in features { parts.append(try block.clsToken) }
    parts.append(try last.patchTokens.mean(dim: 1))
    return try Tensor.cat(parts, dim: 1).to(dtype: .float32).linear(weight: weight, bias: bias)
  }
}
