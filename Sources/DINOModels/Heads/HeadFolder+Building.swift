internal import CheckpointFormats
internal import Torch

/// The sizes of a ``LinearClassifier`` in a head folder.
public struct LinearClassifierConfig: Equatable, Sendable, Codable {
  /// How many of the last blocks give their class token; the mean patch token of the last follows.
  public var layers: Int
  /// The number of classes.
  public var classes: Int

  /// Creates sizes.
  ///
  /// - Parameters:
  ///   - layers: How many of the last blocks give their class token.
  ///   - classes: The number of classes.
  public init(layers: Int, classes: Int) {
    self.layers = layers
    self.classes = classes
  }
}

extension HeadConfig {
  /// The kinds of heads that this package builds for classification, segmentation and depth.
  public enum Kind {
    /// One linear layer: ``LinearClassifier``, ``LinearSegmentationHead``, ``LinearDepthHead``.
    public static let linear = "linear"
    /// ``DPTDepthHead``.
    public static let dpt = "dpt"
    /// ``MaskSegmentationHead``.
    public static let mask = "mask"
  }
}

extension HeadFolder {
  /// Builds the segmentation head.
  ///
  /// - Returns: The head.
  /// - Throws: ``ModelError`` if the folder holds another kind of head, or sizes, weights, classes and
  ///   backbone contradict each other.
  public func segmentationHead() throws(ModelError) -> any SegmentationHead {
    try expect(.segmentation, [HeadConfig.Kind.linear, HeadConfig.Kind.mask])
    let head: any SegmentationHead
    if config.head.type == HeadConfig.Kind.mask {
      let sizes = try config.sizes(as: MaskSegmentationHeadConfig.self, path: path)
      if let problem = sizes.problem { try demand(false, problem) }
      try demandTaps(sizes.taps, width: sizes.embedDim)
      try demandClasses(sizes.classes)
      head = try build { store throws(TorchError) in
        try MaskSegmentationHead(sizes, in: store.root)
      }
    } else {
      let sizes = try config.sizes(as: LinearSegmentationHeadConfig.self, path: path)
      let backbone = config.backbone
      try demand(
        sizes.channels == backbone.blocks.map { _ in backbone.embedDim },
        "channels \(sizes.channels) are not those of blocks \(backbone.blocks), "
          + "\(backbone.embedDim) each")
      try demandClasses(sizes.classes)
      head = try build { store throws(TorchError) in
        try LinearSegmentationHead(sizes, in: store.root)
      }
    }
    try load(into: head.parameters, as: "a \(config.head.type) segmentation head")
    return head
  }

  /// Builds the depth head.
  ///
  /// - Returns: The head.
  /// - Throws: ``ModelError`` if the folder holds another kind of head, or sizes, weights and backbone
  ///   contradict each other.
  public func depthHead() throws(ModelError) -> any DepthHead {
    try expect(.depth, [HeadConfig.Kind.linear, HeadConfig.Kind.dpt])
    let head: any DepthHead
    if config.head.type == HeadConfig.Kind.dpt {
      let sizes = try config.sizes(as: DPTDepthHeadConfig.self, path: path)
      try demandTaps(4, width: sizes.embedDim)
      try demand(
        (sizes.reassembledChannels + [sizes.channels]).allSatisfy { (1...65_535).contains($0) },
        "widths \(sizes.reassembledChannels) and \(sizes.channels) are out of range")
      head = try build { store throws(TorchError) in try DPTDepthHead(sizes, in: store.root) }
    } else {
      let sizes = try config.sizes(as: LinearDepthHeadConfig.self, path: path)
      try demandTaps(sizes.taps, width: sizes.embedDim)
      try demand(
        (1...65_535).contains(sizes.bins?.count ?? 1) && (1...64).contains(sizes.upsampling),
        "\(sizes.bins?.count ?? 1) bins and upsampling \(sizes.upsampling) are out of range")
      head = try build { store throws(TorchError) in try LinearDepthHead(sizes, in: store.root) }
    }
    try load(into: head.parameters, as: "a \(config.head.type) depth head")
    return head
  }

  /// Builds the classifier.
  ///
  /// - Returns: The classifier, with the classes' names.
  /// - Throws: ``ModelError`` if the folder holds another kind of head, or sizes, weights, classes and
  ///   backbone contradict each other.
  public func classifier() throws(ModelError) -> LinearClassifier {
    try expect(.classification, [HeadConfig.Kind.linear])
    let sizes = try config.sizes(as: LinearClassifierConfig.self, path: path)
    let names = config.classes ?? []
    let head = try LinearClassifier(
      tensors, path: "\(path)/\(Self.weightsName)", embedDim: config.backbone.embedDim,
      labels: Dictionary(uniqueKeysWithValues: names.enumerated().map { ($0, $1) }))
    try demand(
      head.layers == sizes.layers && head.layers == config.backbone.blocks.count,
      "the weights take \(head.layers) blocks, the configuration says \(sizes.layers)")
    try demand(
      head.classes == sizes.classes && head.classes == names.count,
      "the weights have \(head.classes) classes, \(names.count) are named")
    return head
  }

  func expect(_ task: HeadTask, _ types: [String]) throws(ModelError) {
    try demand(
      config.task == task && types.contains(config.head.type),
      "holds a \(config.head.type.quoted) head for \(config.task.rawValue); expected one for "
        + "\(task.rawValue): \(types.joined(separator: ", "))")
  }

  /// Sizes are compared with the backbone's before anything is made of them.
  private func demandTaps(_ taps: Int, width: Int) throws(ModelError) {
    let backbone = config.backbone
    try demand(
      width == backbone.embedDim && taps == backbone.blocks.count,
      "the head takes \(taps) blocks of width \(width), the backbone is said to give "
        + "\(backbone.blocks.count) of width \(backbone.embedDim)")
  }

  private func demandClasses(_ count: Int) throws(ModelError) {
    try demand(
      count == config.classes?.count,
      "the head has \(count) classes, \(config.classes?.count ?? 0) are named")
  }

  func demand(_ holds: Bool, _ problem: String) throws(ModelError) {
    guard holds else { throw .configuration(path: path, problem: problem) }
  }

  func build<Head>(
    _ make: (ParameterStore) throws(TorchError) -> Head
  ) throws(ModelError) -> Head {
    do throws(TorchError) {
      return try make(ParameterStore(awaitingWeights: .float32))
    } catch {
      throw .torch(error)
    }
  }
}
