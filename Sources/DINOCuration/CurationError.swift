public import CheckpointFormats
public import Torch

/// Why embeddings could not be searched, clustered or sampled.
public enum CurationError: Error, Equatable, Sendable {
  /// A row of a matrix holds NaN or an infinity; it would be compared with nothing.
  case notFinite(source: String, row: Int)
  /// Two operands do not fit each other, or a file holds no matrix.
  case shape(source: String, problem: String)
  /// An option is outside of its range.
  case usage(problem: String)
  /// An approximate index could not be made, read or searched.
  case index(problem: String)
  /// A file could not be read or written.
  case file(CheckpointError)
  /// A tensor operation failed, usually for lack of memory.
  case tensor(TorchError)
}

extension CurationError: CustomStringConvertible {
  /// The one-line message.
  public var description: String {
    switch self {
    case .notFinite(let source, let row):
      "\(source.escapedForMessage): row \(row), counted from 0, holds NaN or an infinity; embed "
        + "that image again or leave the row out"
    case .shape(let source, let problem): "\(source.escapedForMessage): \(problem)"
    case .usage(let problem): problem
    case .index(let problem): "the index failed: \(problem)"
    case .file(let error): "\(error)"
    case .tensor(let error): "\(error)"
    }
  }

  /// Passes the result of tensor operations on, or their error as one of this type.
  static func tensors<Result>(
    _ body: () throws(TorchError) -> Result
  ) throws(CurationError) -> Result {
    do throws(TorchError) { return try body() } catch { throw .tensor(error) }
  }

  /// Passes the result of file operations on, or their error as one of this type.
  static func files<Result>(
    _ body: () throws(CheckpointError) -> Result
  ) throws(CurationError) -> Result {
    do throws(CheckpointError) { return try body() } catch { throw .file(error) }
  }
}
