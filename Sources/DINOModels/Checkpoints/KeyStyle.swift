/// Whose names the tensors of a weight file have.
public enum KeyStyle: String, CaseIterable, Sendable {
  /// The original: `blocks.0.attn.qkv.weight`. The names of this package's modules.
  case meta
  /// Hugging Face transformers: `encoder.layer.0.attention.attention.query.weight`.
  case huggingFace = "hf"
  /// timm: as the original, but `reg_token`, and `fc1`/`fc2` for the gated layer too.
  case timm

  /// The library, for messages.
  var library: String {
    switch self {
    case .meta: "Meta's code"
    case .huggingFace: "transformers"
    case .timm: "timm"
    }
  }
}

/// The names of one tensor in the original and in Hugging Face's models.
///
/// Names are prefixes: `norm1` stands for `norm1.weight` and `norm1.bias`. The query, key and value
/// projections are not here, since the original has them in one tensor.
///
/// Source: the released checkpoints and transformers' `modeling_dinov2`.
enum HuggingFaceNames {
  static let outside: [(meta: String, huggingFace: String)] = [
    ("cls_token", "embeddings.cls_token"),
    ("mask_token", "embeddings.mask_token"),
    ("pos_embed", "embeddings.position_embeddings"),
    ("register_tokens", "embeddings.register_tokens"),
    ("patch_embed.proj", "embeddings.patch_embeddings.projection"),
    ("norm", "layernorm"),
  ]

  static let insideBlock: [(meta: String, huggingFace: String)] = [
    ("norm1", "norm1"),
    ("norm2", "norm2"),
    ("attn.proj", "attention.output.dense"),
    ("ls1.gamma", "layer_scale1.lambda1"),
    ("ls2.gamma", "layer_scale2.lambda1"),
    ("mlp.fc1", "mlp.fc1"),
    ("mlp.fc2", "mlp.fc2"),
    ("mlp.w12", "mlp.weights_in"),
    ("mlp.w3", "mlp.weights_out"),
  ]

  /// The parts of `attn.qkv`, in the order of its rows.
  static let queryKeyValue = ["query", "key", "value"].map { "attention.attention.\($0)" }

  /// Tensors that the original has in one piece.
  ///
  /// The two parts of `mlp.w12` are transformers' in memory only; its files have `mlp.weights_in`.
  static let joined: [(meta: String, parts: [String])] = [
    ("attn.qkv", queryKeyValue),
    ("mlp.w12", ["mlp.gate_proj", "mlp.up_proj"]),
  ]

  static let blockPrefix = "encoder.layer."

  /// Names that models of transformers 5.24 and later have in memory.
  ///
  /// `save_pretrained` translates them back to the published ones, `torch.save` does not.
  private static let inMemory = [
    ("attention.q_proj", "attention.attention.query"),
    ("attention.k_proj", "attention.attention.key"),
    ("attention.v_proj", "attention.attention.value"),
    ("attention.o_proj", "attention.output.dense"),
    ("mlp.down_proj", "mlp.weights_out"),
  ].map { (from: $0.0, to: $0.1) }

  /// The published name of a tensor that may have its name in memory.
  static func published(_ name: String) -> String {
    guard let block = BlockName(name, prefix: blockPrefix),
      let rest = rename(block.rest, inMemory)
    else { return name }
    return "\(blockPrefix)\(block.index).\(rest)"
  }

  /// Replaces a prefix that ends at a dot or at the end of the name.
  static func rename(_ name: String, _ table: [(from: String, to: String)]) -> String? {
    for (from, to) in table where name.hasPrefix(from) {
      let rest = name.dropFirst(from.count)
      if rest.isEmpty || rest.first == "." { return to + rest }
    }
    return nil
  }
}

/// A name inside a block, taken apart: `blocks.3.norm1.weight` is 3 and `norm1.weight`.
struct BlockName {
  let index: Int
  let rest: String

  /// Parses a name below a prefix; chunked names `blocks.0.3.…` give the global index, 3.
  init?(_ name: String, prefix: String) {
    guard name.hasPrefix(prefix) else { return nil }
    var parts = name.dropFirst(prefix.count).split(separator: ".", omittingEmptySubsequences: false)
    guard let first = parts.first.flatMap({ Int($0) }) else { return nil }
    parts.removeFirst()
    if let second = parts.first.flatMap({ Int($0) }) {
      parts.removeFirst()
      index = second
    } else {
      index = first
    }
    rest = parts.joined(separator: ".")
  }
}
