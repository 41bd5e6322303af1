public import CheckpointFormats
public import Torch

/// The tensors of a dense head in a file: released ones have them under `state_dict` with the prefix
/// `decode_head.`; bare names are taken too.
public struct DenseHeadFile: Sendable {
  /// What kind of head the names and shapes describe.
  public enum Kind: Equatable, Sendable {
    /// A ``LinearSegmentationHead``.
    case segmentation(channels: Int, classes: Int)
    /// A ``LinearDepthHead``.
    case linearDepth(channels: Int, bins: Int)
    /// A ``DPTDepthHead``.
    case dptDepth(embedDim: Int)
  }

  /// The path.
  public let path: String
  /// The head's tensors by name, without prefixes.
  public let tensors: [String: StoredTensor]
  /// What kind of head this is.
  public let kind: Kind
  /// The texts that a safetensors file carries; empty otherwise.
  public let metadata: [String: String]
  /// What was left out, one line each.
  public let notes: [String]

  /// Reads a file and finds the head in it.
  ///
  /// - Parameter path: A `.safetensors` or `.pth` file.
  /// - Throws: ``ModelError`` if the file is refused or holds no dense head.
  public init(path: String) throws(ModelError) {
    do {
      let checkpoint = try Checkpoint.read(path)
      let isWrapped = checkpoint.root["state_dict"] != nil
      let found = isWrapped ? try checkpoint.tensors(under: ["state_dict"]) : checkpoint.tensors
      (tensors, notes) = try Self.head(in: found, path: path)
      metadata = checkpoint.metadata
      kind = try Self.kind(of: tensors.mapValues(\.shape), path: path)
      self.path = path
    } catch {
      throw ModelError(error, path: path)
    }
  }

  /// Takes the prefix off; other parts of a segmentor are left out if the prefix tells them apart.
  private static func head(
    in found: NamedTensors, path: String
  ) throws(ModelError) -> (tensors: [String: StoredTensor], notes: [String]) {
    var tensors: [String: StoredTensor] = [:]
    var leftOut: Set<String> = []
    let isPrefixed = found.names.contains { bare($0).hasPrefix(prefix) }
    for (name, tensor) in found {
      var name = bare(name)
      if isPrefixed {
        guard name.hasPrefix(prefix) else {
          let part = name.prefix { $0 != "." }
          // A whole segmentor or depther; anything else that is not the head's is an error later.
          if part == "backbone" || part == "auxiliary_head" {
            leftOut.insert(String(part))
          } else {
            tensors[name] = tensor
          }
          continue
        }
        name.removeFirst(prefix.count)
      }
      guard tensors.updateValue(tensor, forKey: name) == nil else {
        throw .unrecognized(path: path, problem: "two tensors are both \(name.quoted)")
      }
    }
    let notes = leftOut.isEmpty ? [] : ["left out \(leftOut.sorted().joined(separator: ", "))"]
    return (tensors, notes)
  }

  private static let prefix = "decode_head."

  private static func bare(_ name: String) -> String {
    name.hasPrefix("module.") ? String(name.dropFirst(7)) : name
  }

  private static func kind(of shapes: [String: [Int]], path: String) throws(ModelError) -> Kind {
    if let shape = shapes["conv_seg.weight"], shape.count == 4 {
      return .segmentation(channels: shape[1], classes: shape[0])
    }
    if let shape = shapes["conv_depth.weight"], shape.count == 4 {
      return .linearDepth(channels: shape[1], bins: shape[0])
    }
    if let shape = shapes["reassemble_blocks.projects.0.conv.weight"], shape.count == 4 {
      return .dptDepth(embedDim: shape[1])
    }
    let some = shapes.keys.sorted().prefix(4).map(\.escapedForMessage).joined(separator: ", ")
    throw .unrecognized(
      path: path,
      problem: "found \(shapes.count) tensors (\(some)) but no dense head: expected "
        + "decode_head.conv_seg.weight (segmentation), decode_head.conv_depth.weight (linear depth) "
        + "or decode_head.reassemble_blocks.… (DPT depth)")
  }

  /// Loads the tensors into a head's parameters; nothing may be missing or left over.
  ///
  /// Values are copied, so that the head can be trained on.
  ///
  /// - Parameters:
  ///   - store: The head's parameters, named without prefix.
  ///   - model: How messages call the head.
  /// - Throws: ``ModelError`` that lists every missing, unexpected and mis-shaped key.
  public func load(into store: ParameterStore, as model: String) throws(ModelError) {
    try store.load(stored: tensors, path: path, as: model)
  }
}

extension DenseHeadFile {
  /// Builds the depth head that the file holds.
  ///
  /// - Parameters:
  ///   - embedDim: Width of the backbone's tokens.
  ///   - range: The depth range that the head was trained for, metres; files do not say it. The
  ///     released loader uses 0.001 to 80 for linear heads whatever they were trained for.
  ///   - bins: How logits of a linear head become metres; the count is the file's.
  /// - Returns: The head.
  /// - Throws: ``ModelError`` if the file holds another kind of head or one for another backbone.
  public func depthHead(
    embedDim: Int, range: ClosedRange<Double> = 0.001...10, bins: DepthBins = DepthBins()
  ) throws(ModelError) -> any DepthHead {
    let head: any DepthHead
    switch kind {
    case .segmentation:
      throw .unrecognized(path: path, problem: "this is a segmentation head, not one for depth")
    case .linearDepth(let channels, let count):
      var config = LinearDepthHeadConfig(
        embedDim: embedDim, taps: try taps(channels, each: 2 * embedDim))
      (config.minDepth, config.maxDepth) = (range.lowerBound, range.upperBound)
      config.bins = bins
      config.bins?.count = count
      if count == 1 { config.bins = nil }
      head = try build { store throws(TorchError) in try LinearDepthHead(config, in: store.root) }
    case .dptDepth(let width):
      guard width == embedDim else {
        throw .mismatch(
          path: path, model: "a backbone of width \(embedDim)",
          problems: ["the head takes tokens of width \(width)"])
      }
      let config = dptConfig(embedDim: embedDim, range)
      head = try build { store throws(TorchError) in try DPTDepthHead(config, in: store.root) }
    }
    try load(into: head.parameters, as: "a depth head for width \(embedDim)")
    return head
  }

  /// Builds the segmentation head that the file holds.
  ///
  /// - Parameter embedDim: Width of the backbone's tokens.
  /// - Returns: The head.
  /// - Throws: ``ModelError`` if the file holds another kind of head or one for another backbone.
  public func segmentationHead(embedDim: Int) throws(ModelError) -> LinearSegmentationHead {
    guard case .segmentation(let channels, let classes) = kind else {
      throw .unrecognized(path: path, problem: "this is a depth head, not one for segmentation")
    }
    let config = LinearSegmentationHeadConfig(
      embedDim: embedDim, taps: try taps(channels, each: embedDim), classes: classes)
    let head = try build { store throws(TorchError) in
      try LinearSegmentationHead(config, in: store.root)
    }
    try load(into: head.parameters, as: "a segmentation head for width \(embedDim)")
    return head
  }

  private func taps(_ channels: Int, each width: Int) throws(ModelError) -> Int {
    guard width > 0, channels > 0, channels % width == 0 else {
      throw .mismatch(
        path: path, model: "a backbone that gives \(width) channels a block",
        problems: ["the head takes \(channels) channels, no multiple of it"])
    }
    return channels / width
  }

  private func dptConfig(embedDim: Int, _ range: ClosedRange<Double>) -> DPTDepthHeadConfig {
    func rows(_ name: String) -> Int? { tensors[name]?.shape.first }
    var config = DPTDepthHeadConfig(embedDim: embedDim)
    (config.minDepth, config.maxDepth) = (range.lowerBound, range.upperBound)
    if let width = rows("project.conv.weight") { config.channels = width }
    config.reassembledChannels = config.reassembledChannels.enumerated().map { level, width in
      rows("reassemble_blocks.projects.\(level).conv.weight") ?? width
    }
    // "ignore" and "add" have no parameters and cannot be told apart; the original's default is
    // "ignore".
    let hasReadout = tensors["reassemble_blocks.readout_projects.0.0.weight"] != nil
    config.readout = hasReadout ? .project : .ignore
    return config
  }

  private func build<Head>(
    _ make: (ParameterStore) throws(TorchError) -> Head
  ) throws(ModelError) -> Head {
    do throws(TorchError) {
      return try make(ParameterStore(awaitingWeights: .float32))
    } catch {
      throw .torch(error)
    }
  }
}
