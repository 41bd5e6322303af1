extension Checkpoint {
  /// Reads a weight file.
  ///
  /// - Parameters:
  ///   - path: A safetensors file, a `.pth` or `.bin` file of PyTorch.
  ///   - options: What is accepted beyond the strict default.
  /// - Returns: The checkpoint; its tensors point into the mapped file.
  /// - Throws: ``CheckpointError`` that says what is wrong and where.
  public static func read(
    _ path: String, options: CheckpointOptions = CheckpointOptions()
  ) throws(CheckpointError) -> Checkpoint {
    let file = try FileBytes(path: path)
    let contents = try SafetensorsReader.read(file, options: options)
    try file.checkUnchanged()
    return try Checkpoint(
      path: path, format: .safetensors, metadata: contents.metadata, notes: contents.notes,
      flat: contents.tensors)
  }
}
