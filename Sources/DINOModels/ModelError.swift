public import CheckpointFormats
public import Torch

/// Why a model cannot be built, loaded or written.
///
/// Every description is one line.
public enum ModelError: Error, Sendable, CustomStringConvertible {
  /// A weight file could not be read.
  case checkpoint(CheckpointError)
  /// A tensor operation failed.
  case torch(TorchError)
  /// The file was read, but what it holds does not fit the model.
  case mismatch(path: String, model: String, problems: [String])
  /// The file holds no DINOv2 backbone that could be recognised.
  case unrecognized(path: String, problem: String)
  /// The target format cannot hold this model.
  case unsupported(format: String, problem: String)
  /// A `config.json` that does not describe a DINOv2 model.
  case configuration(path: String, problem: String)

  /// The one-line message.
  public var description: String {
    switch self {
    case .checkpoint(let error): "\(error)"
    case .torch(let error): "\(error)"
    case .mismatch(let path, let model, let problems):
      "\(path): the weights do not fit \(model): \(Self.list(problems))"
    case .unrecognized(let path, let problem): "\(path): \(problem)"
    case .unsupported(let format, let problem): "cannot write \(format): \(problem)"
    case .configuration(let path, let problem): "\(path): \(problem)"
    }
  }

  private static func list(_ problems: [String]) -> String {
    let count = problems.count == 1 ? "1 problem" : "\(problems.count) problems"
    return "\(count): " + problems.joined(separator: "; ")
  }
}

extension ModelError {
  /// Wraps what went wrong below, where the compiler does not know the error's type.
  ///
  /// - Parameters:
  ///   - error: The error.
  ///   - path: The file, for errors of unknown kinds.
  init(_ error: any Error, path: String) {
    switch error {
    case let error as ModelError: self = error
    case let error as CheckpointError: self = .checkpoint(error)
    case let error as TorchError: self = .torch(error)
    default: self = .unrecognized(path: path, problem: "\(error)")
    }
  }
}
