/// The system calls that change a run folder.
///
/// Everything that saving, rotating and clearing does to a disk goes through this protocol, so that
/// tests can let the n-th call fail, stop the world after it, or lose what was not flushed. One call is
/// one operation: loops, retries and their order are the callers' and so are tested with them.
package protocol FileOperations: Sendable {
  /// Creates a folder with mode 0700 that must not exist.
  func makeFolder(_ path: String) throws(SystemFailure)
  /// Creates a file that must not exist and opens it for writing; links are not followed.
  func createFile(_ path: String) throws(SystemFailure) -> Int32
  /// Takes room on the disk for a file.
  func allocate(_ descriptor: Int32, _ byteCount: Int) throws(SystemFailure)
  /// Writes some or all bytes at an offset and tells how many.
  func write(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(SystemFailure) -> Int
  /// Flushes a file to the disk.
  func flush(_ descriptor: Int32) throws(SystemFailure)
  /// Closes a file; the descriptor is free afterwards also if it fails.
  func close(_ descriptor: Int32) throws(SystemFailure)
  /// Flushes a folder's entries to the disk.
  func flushFolder(_ path: String) throws(SystemFailure)
  /// Renames, replacing a file that has the new name.
  func rename(_ path: String, to newPath: String) throws(SystemFailure)
  /// Renames unless something has the new name (`EEXIST`).
  func renameNew(_ path: String, to newPath: String) throws(SystemFailure)
  /// Exchanges two names that both exist.
  func exchange(_ path: String, _ otherPath: String) throws(SystemFailure)
  /// Removes a file or a link.
  func removeFile(_ path: String) throws(SystemFailure)
  /// Removes an empty folder.
  func removeFolder(_ path: String) throws(SystemFailure)
  /// The bytes that an ordinary user can still write to the disk of a folder.
  func freeBytes(_ path: String) throws(SystemFailure) -> Int
}
