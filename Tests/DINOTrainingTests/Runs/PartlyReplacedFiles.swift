import DINOTraining

/// The system's operations, for tests that replace one or two of them.
protocol PartlyReplacedFiles: FileOperations {}

extension PartlyReplacedFiles {
  var system: SystemFiles { SystemFiles() }

  func makeFolder(_ path: String) throws(SystemFailure) { try system.makeFolder(path) }

  func createFile(_ path: String) throws(SystemFailure) -> Int32 { try system.createFile(path) }

  func allocate(_ descriptor: Int32, _ byteCount: Int) throws(SystemFailure) {
    try system.allocate(descriptor, byteCount)
  }

  func write(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(SystemFailure) -> Int {
    try system.write(descriptor, bytes, at: offset)
  }

  func flush(_ descriptor: Int32) throws(SystemFailure) { try system.flush(descriptor) }

  func close(_ descriptor: Int32) throws(SystemFailure) { try system.close(descriptor) }

  func flushFolder(_ path: String) throws(SystemFailure) { try system.flushFolder(path) }

  func rename(_ path: String, to newPath: String) throws(SystemFailure) {
    try system.rename(path, to: newPath)
  }

  func renameNew(_ path: String, to newPath: String) throws(SystemFailure) {
    try system.renameNew(path, to: newPath)
  }

  func exchange(_ path: String, _ otherPath: String) throws(SystemFailure) {
    try system.exchange(path, otherPath)
  }

  func removeFile(_ path: String) throws(SystemFailure) { try system.removeFile(path) }

  func removeFolder(_ path: String) throws(SystemFailure) { try system.removeFolder(path) }

  func freeBytes(_ path: String) throws(SystemFailure) -> Int { try system.freeBytes(path) }
}
