public import DINOData
public import DINOModels
public import Imaging
public import Torch

/// Why features could not be computed.
///
/// Every description is one line.
public enum InferenceError: Error, Sendable, CustomStringConvertible {
  /// The caller asked for something impossible.
  case usage(problem: String)
  /// A model could not be loaded.
  case model(ModelError)
  /// An image was refused.
  case image(ImageError)
  /// Inputs could not be found or read.
  case data(DataError)
  /// A tensor operation failed.
  case torch(TorchError)
  /// A result could not be written.
  case output(path: String, problem: String)

  /// The message, one line.
  public var description: String {
    switch self {
    case .usage(let problem): problem
    case .model(let error): "\(error)"
    case .image(let error): "\(error)"
    case .data(let error): "\(error)"
    case .torch(let error): "\(error)"
    case .output(let path, let problem): "\(path): \(problem)"
    }
  }
}
