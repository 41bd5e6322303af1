/// What happens during a download; `file` is the name of the file.
public enum PullEvent: Sendable, Equatable {
  /// Another process downloads the same file; this one waits for it.
  case waiting(file: String)
  /// Bytes begin to come; `bytes` are here already.
  case started(file: String, bytes: Int, total: Int?)
  /// `bytes` are here.
  case progress(file: String, bytes: Int, total: Int?)
  /// What was here belongs to another version or is damaged; the file comes from its beginning.
  case restarted(file: String, reason: String)
  /// A try failed; the next one begins after `delay`.
  case retrying(file: String, reason: String, delay: Duration)
  /// The hash is checked.
  case verifying(file: String)
  /// The file is complete; its contents lie at `path`.
  case finished(file: String, path: String)
}
