internal import Telemetry

/// Why a training configuration cannot be used.
///
/// Every description is one line.
public enum ConfigurationError: Error, Equatable, Sendable {
  /// A file could not be read, or is no YAML.
  case unreadable(path: String, problem: String)
  /// Keys that do not exist or values that do not fit; each problem names its place.
  case invalid(problems: [String])
  /// No preset has the name.
  case unknownPreset(name: String, nearest: String?)

  /// The program's exit code: usage or configuration.
  public static let exitCode: Int32 = 2
}

extension ConfigurationError: CustomStringConvertible {
  /// The one-line message.
  public var description: String {
    switch self {
    case .unreadable(let path, let problem): return "\(path.onOneLine): \(problem.onOneLine)"
    case .invalid(let problems):
      let list = problems.map(\.onOneLine).joined(separator: "; ")
      return problems.count == 1
        ? "configuration: \(list)" : "configuration: \(problems.count) problems: \(list)"
    case .unknownPreset(let name, let nearest):
      let hint = nearest.map { "did you mean \($0)? " } ?? ""
      let names = TrainingPreset.allCases.map(\.rawValue).joined(separator: ", ")
      return "unknown preset \"\(name.onOneLine)\"; \(hint)presets are \(names)"
    }
  }
}
