/// Why measurements cannot be recorded.
public enum TelemetryError: Error, Equatable, Sendable {
  /// The operating system refused something.
  case file(path: String, problem: String)
  /// A picture is none that can be recorded.
  case picture(tag: String, problem: String)
}

extension TelemetryError: CustomStringConvertible {
  /// The one-line message.
  public var description: String {
    switch self {
    case .file(let path, let problem): "\(path.onOneLine): \(problem)"
    case .picture(let tag, let problem): "picture \(tag.onOneLine): \(problem)"
    }
  }
}
