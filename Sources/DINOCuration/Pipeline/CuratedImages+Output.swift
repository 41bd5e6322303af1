internal import CheckpointFormats
internal import DINOData
internal import FoundationEssentials
internal import Glibc

extension CuratedImages {
  /// Writes the result: `curated.tsv` with the reasons, `curated.list` with the paths, and the form that
  /// was asked for.
  ///
  /// - Parameters:
  ///   - folder: The folder of the run.
  ///   - output: The form.
  ///   - decoders: Threads that read images.
  /// - Throws: ``StoreError`` or `DataError` if something cannot be read or written.
  func write(
    to folder: String, _ output: CurationConfig.Output, decoders: Int
  ) async throws {
    let checksum = try table.write(to: folder + "/curated.tsv")
    try write(PathList.bytes(items.map(\.entry.path)), to: folder + "/curated.list")
    let mark = "\(output.form.rawValue) \(output.perShard) \(checksum)\n"
    let markPath = folder + "/.result"
    let known = FileManager.default.contents(atPath: markPath)
    let paths = [CurationConfig.Output.Form.shards, .links].map { "\(folder)/\($0.rawValue)" }
    if let known, Array(known) == Array(mark.utf8),
      output.form == .list
        || FileManager.default.fileExists(atPath: "\(folder)/\(output.form.rawValue)")
    {
      return
    }
    unsafe unlink(markPath)
    // What an earlier run of this folder has made from another list.
    for path in paths + paths.map({ $0 + ".tmp" }) { try Self.remove(path) }
    let path = "\(folder)/\(output.form.rawValue)"
    switch output.form {
    case .list: break
    case .shards:
      var writer = ShardWriter()
      writer.imagesPerShard = output.perShard
      writer.threads = decoders
      _ = try await writer.write(items.compactMap(\.entry.reference), to: path + ".tmp")
    case .links: try writeLinks(to: path + ".tmp")
    }
    if output.form != .list, unsafe rename(path + ".tmp", path) != 0 {
      throw StoreError.errno(path, "cannot be put in place")
    }
    try write(Array(mark.utf8), to: markPath)
  }

  private func write(_ bytes: [UInt8], to path: String) throws(StoreError) {
    try StoreError.files { () throws(CheckpointError) in
      try AtomicFile.write(bytes, to: path)
    }
  }

  /// Removes a folder that a run has made.
  private static func remove(_ path: String) throws(StoreError) {
    guard unsafe access(path, F_OK) == 0 else { return }
    do { try FileManager.default.removeItem(atPath: path) } catch {
      throw .system(path: path, problem: "an earlier result cannot be removed: \(error)")
    }
  }

  // MARK: - Links

  /// Links to the files; members of archives are copied, since nothing can link to them.
  private func writeLinks(to folder: String) throws {
    guard unsafe mkdir(folder, 0o777) == 0 else { throw StoreError.errno(folder, "cannot be made") }
    for (number, item) in items.enumerated() {
      let digits = String(number)
      let prefix = String(repeating: "0", count: max(0, 7 - digits.count)) + digits + "-"
      // Names of 255 bytes leave no room for the number.
      let name = Array(prefix.utf8) + item.entry.path.lastComponent.suffix(240)
      let link = RawPath(folder).appending(name)
      if let reference = item.entry.reference, item.entry.member != nil {
        try Self.write(reference.bytes(), to: link)
      } else {
        let status = unsafe item.entry.file.withPath { target in
          unsafe link.withPath { unsafe symlink(target, $0) }
        }
        guard status == 0 else { throw StoreError.errno(link.displayName, "cannot be made") }
      }
    }
    let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor >= 0 {
      fsync(descriptor)
      close(descriptor)
    }
  }

  private static func write(_ bytes: [UInt8], to path: RawPath) throws(StoreError) {
    let descriptor = unsafe path.withPath {
      unsafe open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    }
    guard descriptor >= 0 else { throw .errno(path.displayName, "cannot be made") }
    defer { close(descriptor) }
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(
          descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .errno(path.displayName, "cannot be written; free some room") }
      done += count
    }
    guard fsync(descriptor) == 0 else { throw .errno(path.displayName, "cannot be flushed") }
  }
}

extension RawPath {
  /// Calls a closure with the path as a C string.
  fileprivate func withPath<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    let terminated = bytes.map { CChar(bitPattern: $0) } + [0]
    return unsafe terminated.withUnsafeBufferPointer { buffer in
      // The array holds at least the terminator, so that the base address exists.
      guard let base = buffer.baseAddress else { preconditionFailure("an array without storage") }
      return unsafe body(base)
    }
  }
}
