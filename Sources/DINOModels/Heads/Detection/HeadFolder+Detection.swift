internal import Torch

extension HeadConfig.Kind {
  /// ``DetectionHead``.
  public static let anchorFree = "anchor_free"
}

extension HeadFolder {
  /// Builds the detection head.
  ///
  /// - Returns: The head.
  /// - Throws: ``ModelError`` if the folder holds another kind of head, or sizes, weights, classes and
  ///   backbone contradict each other.
  public func detectionHead() throws(ModelError) -> DetectionHead {
    try expect(.detection, [HeadConfig.Kind.anchorFree])
    let sizes = try config.sizes(as: DetectionHeadConfig.self, path: path)
    let backbone = config.backbone
    if let problem = sizes.problem { try demand(false, problem) }
    try demand(
      sizes.embedDim == backbone.embedDim && sizes.taps == backbone.blocks.count
        && sizes.patchSize == backbone.patchSize,
      "the head takes \(sizes.taps) blocks of width \(sizes.embedDim) and patches of \(sizes.patchSize), "
        + "the backbone is said to give \(backbone.blocks.count) of width \(backbone.embedDim) and "
        + "patches of \(backbone.patchSize)")
    try demand(
      sizes.classes == config.classes?.count,
      "the head has \(sizes.classes) classes, \(config.classes?.count ?? 0) are named")
    let head = try build { store throws(TorchError) in try DetectionHead(sizes, in: store.root) }
    try load(into: head.parameters, as: "an anchor-free detection head")
    return head
  }
}
