public import CheckpointFormats

/// The backbone's tensors in a weight file: found in the tree, freed of wrappers' prefixes.
///
/// Training frameworks wrap a backbone in many ways: under `teacher`, with `backbone.`, `module.` or
/// `model.` before each name, beside heads and optimiser state. This finds the backbone or says what
/// it found instead. Names keep their style; ``KeyMap`` translates them.
public struct WeightFile: Sendable {
  /// Which network of a training checkpoint is wanted.
  public enum Network: String, Sendable {
    /// The moving average, which is what training releases.
    case teacher
    /// The network that is trained.
    case student
  }

  /// The path.
  public let path: String
  /// The container.
  public let format: Checkpoint.Format
  /// Whose names the tensors have.
  public let style: KeyStyle
  /// Backbone tensors by name, without prefixes.
  public let backbone: [String: StoredTensor]
  /// A classifier that lies beside the backbone: `weight` and, if there is one, `bias`.
  public let classifier: [String: StoredTensor]
  /// What was taken off and left out, for a report.
  public let notes: [String]

  /// Reads a file and finds the backbone in it.
  ///
  /// - Parameters:
  ///   - path: A `.safetensors`, `.pth`, `.bin` file or an index of shards.
  ///   - network: Which network of a training checkpoint is wanted.
  ///   - options: What is accepted beyond the strict default.
  /// - Throws: ``ModelError`` if the file is refused or holds no backbone.
  public init(
    path: String, network: Network = .teacher, options: CheckpointOptions = CheckpointOptions()
  ) throws(ModelError) {
    let checkpoint: Checkpoint
    do {
      checkpoint = try Checkpoint.read(path, options: options)
    } catch {
      throw .checkpoint(error)
    }
    try self.init(checkpoint, network: network)
  }

  /// Finds the backbone in a checkpoint that was read.
  ///
  /// - Parameters:
  ///   - checkpoint: The checkpoint.
  ///   - network: Which network of a training checkpoint is wanted.
  /// - Throws: ``ModelError`` if it holds no backbone.
  public init(_ checkpoint: Checkpoint, network: Network = .teacher) throws(ModelError) {
    path = checkpoint.path
    format = checkpoint.format
    var names = NameCleaner(wanted: network)
    var backbone: [String: StoredTensor] = [:]
    var classifier: [String: StoredTensor] = [:]
    for (name, tensor) in checkpoint.tensors {
      switch names.place(of: name) {
      case .backbone(let part):
        let clean = HuggingFaceNames.published(part)
        guard backbone.updateValue(tensor, forKey: clean) == nil else {
          throw .unrecognized(
            path: path,
            problem:
              "two tensors are both \(clean.quoted) once wrappers' prefixes are taken off; name "
              + "the network with --network teacher or student")
        }
      case .classifier(let clean): classifier[clean] = tensor
      case .elsewhere: continue
      }
    }
    guard let style = Self.style(of: backbone) else {
      throw .unrecognized(path: path, problem: Self.complaint(about: checkpoint))
    }
    self.style = style
    self.backbone = backbone
    self.classifier = classifier
    notes = names.notes + checkpoint.notes
  }

  private static func style(of names: [String: StoredTensor]) -> KeyStyle? {
    if names["embeddings.cls_token"] != nil { return .huggingFace }
    guard names["cls_token"] != nil, names["patch_embed.proj.weight"] != nil else { return nil }
    // timm keeps no mask token; everything else that has these names does.
    return names["reg_token"] != nil || names["mask_token"] == nil ? .timm : .meta
  }

  private static func complaint(about checkpoint: Checkpoint) -> String {
    let names = checkpoint.tensors.names
    guard !names.isEmpty else { return "the file holds no tensors" }
    let some = names.prefix(4).map(\.escapedForMessage).joined(separator: ", ")
    let count = names.count == 1 ? "1 tensor" : "\(names.count) tensors"
    return "found \(count) (\(some)\(names.count > 4 ? ", …" : "")) but no DINOv2 "
      + "backbone: expected cls_token and patch_embed.proj.weight (Meta, timm) or "
      + "embeddings.cls_token (Hugging Face), alone or below teacher, backbone, module or model"
  }
}

/// Takes wrappers' prefixes off names and remembers which.
private struct NameCleaner {
  enum Place {
    case backbone(String)
    case classifier(String)
    case elsewhere
  }

  let wanted: WeightFile.Network
  private var removed: Set<String> = []
  private var leftOut: Set<String> = []

  init(wanted: WeightFile.Network) { self.wanted = wanted }

  private static let wrappers = [
    "module", "backbone", "model", "state_dict", "_orig_mod", "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module", "dinov2", "dinov2_with_registers",
  ]
  private static let strangers = [
    "dino_head", "ibot_head", "dino_loss", "ibot_patch_loss", "optimizer", "head", "fc_norm",
    "loss", "scaler", "lr_scheduler", "pooler",
  ]

  mutating func place(of name: String) -> Place {
    // A tree is flattened with slashes, modules with dots: both only wrap here.
    var parts = name.split(whereSeparator: { $0 == "/" || $0 == "." }).map(String.init)
    while let first = parts.first {
      if let network = WeightFile.Network(rawValue: first) {
        guard network == wanted else { return leave(first) }
        removed.insert(first)
      } else if Self.wrappers.contains(first) {
        removed.insert(first)
      } else {
        break
      }
      parts.removeFirst()
    }
    guard let first = parts.first else { return .elsewhere }
    if first == "classifier" || (first == "head" && parts.count == 2) {
      return .classifier(parts.dropFirst().joined(separator: "."))
    }
    if Self.strangers.contains(first) { return leave(first) }
    return .backbone(parts.joined(separator: "."))
  }

  private mutating func leave(_ what: String) -> Place {
    leftOut.insert(what)
    return .elsewhere
  }

  var notes: [String] {
    var notes: [String] = []
    if !removed.isEmpty {
      notes.append("took off the prefixes \(removed.sorted().joined(separator: ", "))")
    }
    if !leftOut.isEmpty {
      notes.append("left out \(leftOut.sorted().joined(separator: ", "))")
    }
    return notes
  }
}
