internal import Glibc

/// Where text goes: a descriptor of the process, or a closure of a test.
public struct OutputSink: Sendable {
  /// Results of the program.
  public static let standardOutput = OutputSink { writeAll($0, to: STDOUT_FILENO) }
  /// Messages and progress.
  public static let standardError = OutputSink { writeAll($0, to: STDERR_FILENO) }

  private let body: @Sendable (String) -> Void

  /// Creates a sink.
  ///
  /// - Parameter body: Takes each text; it must not call back into the sender.
  public init(_ body: @escaping @Sendable (String) -> Void) { self.body = body }

  /// Writes a text at once, without buffering.
  ///
  /// - Parameter text: The text, with its line breaks.
  public func write(_ text: String) { body(text) }

  /// Writes everything; gives up on an error, since there is nowhere left to tell about it.
  private static func writeAll(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    unsafe bytes.withUnsafeBytes { buffer in
      guard let start = buffer.baseAddress else { return }
      var done = 0
      while done < buffer.count {
        let count = unsafe Glibc.write(descriptor, start + done, buffer.count - done)
        if count < 0, errno == EINTR { continue }
        if count < 0, errno == EAGAIN {
          // Someone made the terminal non-blocking; wait until it takes more.
          var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          if unsafe poll(&state, 1, 1_000) > 0 { continue }
        }
        guard count > 0 else { return }
        done += count
      }
    }
  }
}
