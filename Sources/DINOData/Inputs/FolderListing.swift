internal import Glibc

/// An open folder whose entries are read once.
@safe final class FolderListing {
  /// What makes a folder the same folder under any name.
  struct Identity: Hashable {
    let device: UInt
    let inode: UInt
  }

  /// One entry: its name in bytes, and the kind as `readdir` tells it.
  struct Entry {
    let name: [UInt8]
    let type: UInt8
  }

  let identity: Identity
  private let path: RawPath
  // An open stream that only this object uses, closed in `deinit`.
  private let stream: OpaquePointer

  /// Opens a folder.
  ///
  /// - Throws: ``DataError`` if the path cannot be opened as a folder.
  init(_ path: RawPath) throws(DataError) {
    let descriptor = try path.openForReading(flags: O_DIRECTORY)
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, let stream = unsafe fdopendir(descriptor) else {
      let error = DataError.errno(path, "cannot be listed")
      close(descriptor)
      throw error
    }
    self.path = path
    unsafe self.stream = stream
    identity = Identity(device: status.st_dev, inode: status.st_ino)
  }

  deinit { unsafe closedir(stream) }

  /// The entries in the order of the file system, without `.` and `..`.
  ///
  /// - Throws: ``DataError`` if the folder cannot be read to its end.
  func entries() throws(DataError) -> [Entry] {
    var entries: [Entry] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        guard errno == 0 else { throw .errno(path, "cannot be listed") }
        return entries
      }
      // `d_name` ends with NUL inside the record, which lives until the next call.
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe Array(bytes.prefix { $0 != 0 })
      }
      guard name != [0x2E], name != [0x2E, 0x2E] else { continue }
      entries.append(Entry(name: name, type: unsafe entry.pointee.d_type))
    }
  }
}
