/// Plain Python pickles, such as the ground truths that the revisited Oxford and Paris sets come with.
public enum Pickle {
  /// Reads a pickle without executing anything in it.
  ///
  /// Numbers, texts and containers become values; objects of numpy become inert records; any other
  /// class is refused.
  ///
  /// - Parameter path: A file with one pickle of protocol 2 or later.
  /// - Returns: Its value.
  /// - Throws: ``CheckpointError`` if the file cannot be read, is damaged, or asks for more than data.
  public static func read(_ path: String) throws(CheckpointError) -> CheckpointValue {
    let file = try FileBytes(path: path)
    guard file.count <= TorchReader.maximumPickle else {
      throw .limit(
        path: path, place: "file",
        problem: "has \(file.count) bytes; a pickle of at most \(TorchReader.maximumPickle) is read"
      )
    }
    var machine = PickleMachine(
      ByteRegion(file), stream: "pickle", policy: .records, persistentItems: nil)
    let root = try machine.run()
    guard machine.position == file.count else {
      throw .structure(
        path: path, place: "byte \(machine.position)",
        problem: "\(file.count - machine.position) bytes follow the pickle")
    }
    try machine.checkTree(root, maximumTensorBytes: 0)
    try file.checkUnchanged()
    return CheckpointValue(arena: FrozenArena(machine.arena), handle: root)
  }
}
