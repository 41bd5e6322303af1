internal import CheckpointFormats
internal import Foundation

extension MetricsLog {
  /// What became of the lines of a log.
  public struct Cut: Equatable, Sendable {
    /// Lines that stay.
    public let kept: Int
    /// Lines of later iterations, torn lines and lines that are no measurements.
    public let dropped: Int
  }

  private struct Line: Decodable {
    let iteration: Int
  }

  /// Takes a log back to an iteration: later lines and a torn one go.
  ///
  /// The file is replaced at one stroke, and left alone if there is nothing to drop. Nobody may have it
  /// open for writing.
  ///
  /// - Parameters:
  ///   - path: The file; one that is not there is an empty log.
  ///   - iteration: The last iteration that stays.
  /// - Returns: How many lines stayed and went.
  /// - Throws: ``RunError/system(path:problem:)`` if it cannot be read or written.
  @discardableResult
  public static func cut(path: String, toIteration iteration: Int) throws(RunError) -> Cut {
    try cut(path: path, toIteration: iteration, files: SystemFiles())
  }

  /// Takes a log back to an iteration through given operations.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - iteration: The last iteration that stays.
  ///   - files: The operations.
  /// - Returns: How many lines stayed and went.
  /// - Throws: ``RunError/system(path:problem:)`` if it cannot be read or written.
  @discardableResult
  package static func cut(
    path: String, toIteration iteration: Int, files: any FileOperations
  ) throws(RunError) -> Cut {
    guard FolderTree.fileSize(path) != nil else { return Cut(kept: 0, dropped: 0) }
    let text: FileBytes
    do throws(CheckpointError) { text = try FileBytes(path: path) } catch {
      throw .system(path: path, problem: "the log cannot be read: \(error)")
    }
    let (ranges, cut) = unsafe text.withUnsafeBytes { bytes in
      unsafe keptRanges(of: bytes, upTo: iteration)
    }
    guard cut.dropped > 0 else { return cut }
    let temporary = temporaryPath(beside: path)
    do throws(SystemFailure) {
      let byteCount = ranges.reduce(0) { $0 + $1.count }
      let file = try DurableFile(temporary, byteCount: byteCount, files: files)
      unsafe try text.withUnsafeBytes { (bytes) throws(SystemFailure) in
        for range in ranges {
          unsafe try file.write(UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
      }
      _ = try file.finish()
      try files.rename(temporary, to: path)
      try files.flushFolder(folder(of: path))
    } catch {
      try? FolderTree.remove(temporary, files: files)
      throw error.error(path, "the log cannot be cut")
    }
    return cut
  }

  /// The parts of a log that stay, neighbours joined.
  private static func keptRanges(
    of bytes: UnsafeRawBufferPointer, upTo iteration: Int
  ) -> ([Range<Int>], Cut) {
    var ranges: [Range<Int>] = []
    var kept = 0
    var dropped = 0
    var start = 0
    while start < bytes.count {
      let newline = unsafe bytes[start...].firstIndex(of: 0x0A)
      let end = newline.map { $0 + 1 } ?? bytes.count
      // The last line is whole only with its end.
      let line = newline == nil ? nil : unsafe decode(bytes[start..<end])
      if let line, line.iteration <= iteration {
        kept += 1
        if let last = ranges.last, last.upperBound == start {
          ranges[ranges.count - 1] = last.lowerBound..<end
        } else {
          ranges.append(start..<end)
        }
      } else {
        dropped += 1
      }
      start = end
    }
    return (ranges, Cut(kept: kept, dropped: dropped))
  }

  private static func decode(_ line: Slice<UnsafeRawBufferPointer>) -> Line? {
    unsafe try? JSONDecoder().decode(Line.self, from: Data(line))
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func temporaryPath(beside path: String) -> String {
    let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    return folder(of: path) + "/" + CheckpointStore.temporaryPrefix + "metrics-" + suffix
  }
}
