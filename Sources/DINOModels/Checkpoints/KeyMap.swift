internal import CheckpointFormats
public import Torch

/// Translates the tensors of a backbone between the three key styles.
///
/// Meta ↔ Hugging Face is one to one. timm drops the mask token and, with registers, adds the class
/// position into the class token, so that way back gives an equal function, not equal tensors.
public enum KeyMap {
  /// The tensors of a file under the names of this package's modules.
  ///
  /// - Parameter file: What was found in a weight file.
  /// - Returns: Tensors by Meta's names, unchunked.
  /// - Throws: ``TorchError`` if parts cannot be joined.
  public static func canonical(_ file: WeightFile) throws(TorchError) -> [String: Tensor] {
    var tensors: [String: Tensor] = [:]
    for (name, stored) in file.backbone { tensors[name] = try Tensor(stored) }
    return switch file.style {
    case .meta: try renamed(tensors, unchunked)
    case .huggingFace: try fromHuggingFace(tensors)
    case .timm: try fromTimm(tensors)
    }
  }

  /// The tensors of a model under the names of another library.
  ///
  /// - Parameters:
  ///   - tensors: Tensors by Meta's names, unchunked.
  ///   - style: Whose names are wanted.
  /// - Returns: The tensors, and what the target cannot hold, one line each.
  /// - Throws: ``TorchError`` if a tensor cannot be divided.
  public static func export(
    _ tensors: [String: Tensor], to style: KeyStyle
  ) throws(TorchError) -> (tensors: [String: Tensor], losses: [String]) {
    switch style {
    case .meta: (tensors, [])
    case .huggingFace: (try toHuggingFace(tensors), [])
    case .timm: try toTimm(tensors)
    }
  }

  /// Names under which the original stores a model whose blocks are grouped for training.
  ///
  /// - Parameters:
  ///   - tensors: Tensors by Meta's names, unchunked.
  ///   - depth: The number of blocks.
  ///   - chunks: The number of groups; 0 leaves the names as they are.
  /// - Returns: Tensors by chunked names; a remainder makes one group more.
  /// - Throws: ``TorchError`` if two names become one.
  public static func chunked(
    _ tensors: [String: Tensor], depth: Int, chunks: Int
  ) throws(TorchError) -> [String: Tensor] {
    guard chunks > 0 else { return tensors }
    let length = max(depth / chunks, 1)
    return try renamed(tensors) { name in
      guard let block = BlockName(name, prefix: "blocks.") else { return name }
      return "blocks.\(block.index / length).\(block.index).\(block.rest)"
    }
  }

  /// The name of a tensor without the group of its block.
  static func unchunked(_ name: String) -> String {
    guard let block = BlockName(name, prefix: "blocks.") else { return name }
    return "blocks.\(block.index).\(block.rest)"
  }

  private static func renamed(
    _ tensors: [String: Tensor], _ rename: (String) -> String
  ) throws(TorchError) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (name, tensor) in tensors {
      guard result.updateValue(tensor, forKey: rename(name)) == nil else {
        throw TorchError("rename", "two tensors of the file are \(rename(name).quoted)")
      }
    }
    return result
  }

  // MARK: - Hugging Face

  private static func fromHuggingFace(
    _ tensors: [String: Tensor]
  ) throws(TorchError) -> [String: Tensor] {
    let outside = HuggingFaceNames.outside.map { (from: $0.huggingFace, to: $0.meta) }
    let inside = HuggingFaceNames.insideBlock.map { (from: $0.huggingFace, to: $0.meta) }
    var result: [String: Tensor] = [:]
    var parts: [String: [Int: Tensor]] = [:]
    for (name, tensor) in tensors {
      guard let block = BlockName(name, prefix: HuggingFaceNames.blockPrefix) else {
        result[HuggingFaceNames.rename(name, outside) ?? name] = tensor
        continue
      }
      let prefix = "blocks.\(block.index)."
      if let (whole, position) = part(block.rest) {
        parts[prefix + whole, default: [:]][position] = tensor
      } else {
        result[HuggingFaceNames.rename(block.rest, inside).map { prefix + $0 } ?? name] = tensor
      }
    }
    for (name, tensors) in parts {
      let ordered = tensors.sorted { $0.key < $1.key }.map(\.value)
      // Parts that are missing or of unlike shapes stay away; the check of all keys names them.
      let count = HuggingFaceNames.joined.first { name.contains(".\($0.meta).") }?.parts.count
      guard ordered.count == count, Set(ordered.map(\.shape)).count == 1 else { continue }
      result[name] = try Tensor.cat(ordered)
    }
    return try withMaskToken(result)
  }

  /// The tensor that a part belongs to, by Meta's name inside a block, and the part's position.
  private static func part(_ rest: String) -> (whole: String, position: Int)? {
    for (meta, parts) in HuggingFaceNames.joined {
      guard let position = parts.firstIndex(where: { rest.hasPrefix($0 + ".") }) else { continue }
      return (meta + rest.dropFirst(parts[position].count), position)
    }
    return nil
  }

  private static func toHuggingFace(
    _ tensors: [String: Tensor]
  ) throws(TorchError) -> [String: Tensor] {
    let outside = HuggingFaceNames.outside.map { (from: $0.meta, to: $0.huggingFace) }
    let inside = HuggingFaceNames.insideBlock.map { (from: $0.meta, to: $0.huggingFace) }
    var result: [String: Tensor] = [:]
    for (name, tensor) in tensors {
      guard let block = BlockName(name, prefix: "blocks.") else {
        result[HuggingFaceNames.rename(name, outside) ?? name] = tensor
        continue
      }
      let prefix = HuggingFaceNames.blockPrefix + "\(block.index)."
      if block.rest.hasPrefix("attn.qkv.") {
        let suffix = block.rest.dropFirst("attn.qkv".count)
        for (part, third) in zip(HuggingFaceNames.queryKeyValue, try tensor.chunk(3, dim: 0)) {
          result[prefix + part + suffix] = third
        }
      } else {
        result[prefix + (HuggingFaceNames.rename(block.rest, inside) ?? block.rest)] = tensor
      }
    }
    return result
  }

  /// Adds a mask token of zeros where there is none: timm and some folders of Hugging Face
  /// (`use_mask_token` false) drop what only training with masked patches needs.
  private static func withMaskToken(
    _ tensors: [String: Tensor]
  ) throws(TorchError) -> [String: Tensor] {
    guard tensors["mask_token"] == nil, let cls = tensors["cls_token"] else { return tensors }
    var result = tensors
    result["mask_token"] = try Tensor.zeros([1, try cls.size(-1)], dtype: cls.dtype ?? .float32)
    return result
  }

  // MARK: - timm

  private static func fromTimm(
    _ tensors: [String: Tensor]
  ) throws(TorchError) -> [String: Tensor] {
    var result = tensors
    if let registers = result.removeValue(forKey: "reg_token") {
      result["register_tokens"] = registers
      // The class position is inside the class token: an equal one of zeros goes before the rest.
      if let positions = tensors["pos_embed"] {
        let width = try positions.size(-1)
        let none = try Tensor.zeros([1, 1, width], dtype: positions.dtype ?? .float32)
        result["pos_embed"] = try Tensor.cat([none, positions], dim: 1)
      }
    }
    return try renamed(try withMaskToken(result)) { name in
      guard isGated(name, in: tensors) else { return name }
      return name.replacing(".mlp.fc1.", with: ".mlp.w12.").replacing(".mlp.fc2.", with: ".mlp.w3.")
    }
  }

  /// timm calls both kinds of feed-forward layers alike; the gated one makes twice what it takes.
  private static func isGated(_ name: String, in tensors: [String: Tensor]) -> Bool {
    guard let range = name.firstRange(of: ".mlp.fc") else { return false }
    let prefix = name[..<range.lowerBound]
    guard let first = tensors[prefix + ".mlp.fc1.weight"]?.shape.first,
      let second = tensors[prefix + ".mlp.fc2.weight"]?.shape.last
    else { return false }
    return first == 2 * second
  }

  private static func toTimm(
    _ tensors: [String: Tensor]
  ) throws(TorchError) -> (tensors: [String: Tensor], losses: [String]) {
    var losses: [String] = []
    var result = try renamed(tensors) {
      $0.replacing(".mlp.w12.", with: ".mlp.fc1.").replacing(".mlp.w3.", with: ".mlp.fc2.")
    }
    if result.removeValue(forKey: "mask_token") != nil {
      losses.append("mask_token: timm has none; only training with masked patches needs it")
    }
    if let registers = result.removeValue(forKey: "register_tokens"),
      let cls = tensors["cls_token"], let positions = tensors["pos_embed"]
    {
      let count = try positions.size(1)
      result["reg_token"] = registers
      result["cls_token"] = try cls + positions.narrow(dim: 1, 0..<1)
      result["pos_embed"] = try positions.narrow(dim: 1, 1..<count)
      losses.append(
        "pos_embed[:, 0]: timm adds the class position into cls_token; features stay the same")
    }
    return (result, losses)
  }
}
