internal import Foundation
internal import Glibc
internal import Synchronization

/// Writes measurements for TensorBoard.
///
///     let events = try EventFileWriter(folder: run.path, resumingAt: resumed?.iteration)
///     try events.add(["loss/total": 2.31, "schedule/lr": 1e-3], step: 10)
///
/// Each record goes to the file at once, so that a TensorBoard that runs beside shows it.
public final class EventFileWriter: Sendable {
  /// The file.
  public let path: String
  private let descriptor: Int32
  private let now: @Sendable () -> Double
  /// Keeps the records of several threads apart.
  private let access = Mutex(())

  /// Creates a file `events.out.tfevents.…` in a folder that exists.
  ///
  /// - Parameters:
  ///   - folder: The folder.
  ///   - step: If a run goes on: the number of iterations that are done. What earlier files of the folder
  ///     hold beyond it is hidden.
  /// - Throws: ``TelemetryError/file(path:problem:)`` if the file cannot be written.
  public convenience init(folder: String, resumingAt step: Int? = nil) throws(TelemetryError) {
    try self.init(folder: folder, resumingAt: step) { Date().timeIntervalSince1970 }
  }

  /// Creates a file with another clock.
  ///
  /// - Parameters:
  ///   - folder: The folder.
  ///   - step: If a run goes on: the number of iterations that are done.
  ///   - now: Gives the seconds since 1970.
  /// - Throws: ``TelemetryError/file(path:problem:)`` if the file cannot be written.
  package init(
    folder: String, resumingAt step: Int?, now: @escaping @Sendable () -> Double
  ) throws(TelemetryError) {
    let host = ProcessInfo.processInfo.hostName.filter { $0.isLetter || $0.isNumber || $0 == "-" }
    // TensorBoard orders the files of a folder by name: ten digits of seconds come first.
    let name = "events.out.tfevents.\(Int(now())).\(host).\(getpid())"
    var path = ""
    var descriptor: Int32 = -1
    for number in 0..<1000 {
      path = folder + "/" + name + ".\(number)"
      let flags = O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW
      descriptor = unsafe open(path, flags, 0o644)
      if descriptor >= 0 || errno != EEXIST { break }
    }
    guard descriptor >= 0 else { throw .system(path, "cannot be created") }
    self.path = path
    self.descriptor = descriptor
    self.now = now
    try write(EventMessage(time: now(), step: 0, content: .version))
    if let step {
      // TensorBoard hides earlier records of this step and beyond.
      try write(EventMessage(time: now(), step: step + 1, content: .restart))
    }
  }

  deinit { close(descriptor) }

  /// Records numbers, sorted by tag.
  ///
  /// - Parameters:
  ///   - scalars: Numbers by tag; a slash in a tag makes groups.
  ///   - step: The number of iterations that are done.
  /// - Throws: ``TelemetryError/file(path:problem:)`` if the disk refuses.
  public func add(_ scalars: [String: Double], step: Int) throws(TelemetryError) {
    let sorted = scalars.sorted { $0.key < $1.key }.map { (tag: $0.key, value: $0.value) }
    try write(EventMessage(time: now(), step: step, content: .scalars(sorted)))
  }

  /// Records a picture.
  ///
  /// - Parameters:
  ///   - png: The bytes of a PNG file.
  ///   - tag: The name; a slash makes groups.
  ///   - step: The number of iterations that are done.
  /// - Throws: ``TelemetryError/picture(tag:problem:)`` if the bytes are no PNG file, and
  ///   ``TelemetryError/file(path:problem:)`` if the disk refuses.
  public func add(png: [UInt8], tag: String, step: Int) throws(TelemetryError) {
    guard let size = PNGHeader.size(of: png) else {
      throw .picture(tag: tag, problem: "\(png.count) bytes that are no PNG file")
    }
    try write(
      EventMessage(time: now(), step: step, content: .image(tag: tag, png: png, size: size)))
  }

  /// Records a text, for example the configuration.
  ///
  /// - Parameters:
  ///   - text: The text, which TensorBoard reads as Markdown.
  ///   - tag: The name; a slash makes groups.
  ///   - step: The number of iterations that are done.
  /// - Throws: ``TelemetryError/file(path:problem:)`` if the disk refuses.
  public func add(text: String, tag: String, step: Int) throws(TelemetryError) {
    try write(EventMessage(time: now(), step: step, content: .text(tag: tag, text)))
  }

  private func write(_ event: EventMessage) throws(TelemetryError) {
    let record = Self.record(event.encoded)
    let code = access.withLock { _ in append(record) }
    guard code == 0 else { throw .system(path, "cannot be written", code: code) }
  }

  /// A record of a TFRecord file: length, its check, data, its check; numbers little-endian.
  private static func record(_ data: [UInt8]) -> [UInt8] {
    let length = (0..<8).map { UInt8(truncatingIfNeeded: data.count >> (8 * $0)) }
    return length + littleEndian(CRC32C.masked(length)) + data
      + littleEndian(CRC32C.masked(data))
  }

  private static func littleEndian(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// Appends bytes; returns the error number, or 0.
  private func append(_ bytes: [UInt8]) -> Int32 {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { bytes in
        unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return count < 0 ? errno : ENOSPC }
      rest = rest.dropFirst(count)
    }
    return 0
  }
}

extension TelemetryError {
  /// An error with the operating system's reason.
  fileprivate static func system(
    _ path: String, _ problem: String, code: Int32 = errno
  ) -> TelemetryError {
    // glibc's text for an error number lies in static memory or in memory of this thread.
    let reason = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "unknown error"
    return .file(path: path, problem: "\(problem): \(reason) (errno \(code))")
  }
}
