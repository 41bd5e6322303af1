extension Checkpoint {
  /// Reads a weight file.
  ///
  /// - Parameters:
  ///   - path: A safetensors file, a `.pth` or `.bin` file of PyTorch, an index of shards
  ///     (`model.safetensors.index.json`), or a folder that holds one of these under the names that
  ///     Hugging Face uses.
  ///   - options: What is accepted beyond the strict default.
  /// - Returns: The checkpoint; its tensors point into the mapped file.
  /// - Throws: ``CheckpointError`` that says what is wrong and where.
  public static func read(
    _ path: String, options: CheckpointOptions = CheckpointOptions()
  ) throws(CheckpointError) -> Checkpoint {
    if FileBytes.isFolder(path) {
      return try ShardIndex.readFolder(path, options: options)
    }
    let file = try FileBytes(path: path)
    switch ContainerKind.of(ByteRegion(file)) {
    case .safetensors:
      return try readSafetensors(file, options: options)
    case .torchZip:
      return try TorchReader(file, options: options).readZip()
    case .torchLegacy:
      return try TorchReader(file, options: options).readLegacy()
    case .shardIndex:
      return try ShardIndex.read(file, options: options)
    case .refused(let problem, let advice):
      throw .container(path: path, problem: problem, advice: advice)
    }
  }

  /// Reads a file that looked like safetensors.
  private static func readSafetensors(
    _ file: FileBytes, options: CheckpointOptions
  ) throws(CheckpointError) -> Checkpoint {
    let contents = try SafetensorsReader.read(file, options: options)
    try file.checkUnchanged()
    return try Checkpoint(
      path: file.path, format: .safetensors, metadata: contents.metadata, notes: contents.notes,
      flat: contents.tensors)
  }
}
