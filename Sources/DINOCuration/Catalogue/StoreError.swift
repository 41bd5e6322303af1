internal import CheckpointFormats
public import DINOData
public import DINOInference
public import Imaging

/// Why images could not be curated.
///
/// Every description is one line that says what, where, what was found and what to do.
public enum StoreError: Error, Sendable {
  /// There is no store in the folder, or a stage of it has not been run.
  case missing(path: String, problem: String)
  /// Another process writes in the folder.
  case locked(path: String, holder: String)
  /// A file is not as it was written.
  case damaged(path: String, problem: String)
  /// Two stores do not belong together, or a store was made in another way than is asked for.
  case incompatible(path: String, problem: String)
  /// The caller asked for something impossible.
  case usage(problem: String)
  /// There is nothing to work on.
  case unusable(place: String, problem: String)
  /// The operating system refused something.
  case system(path: String, problem: String)
  /// The work was stopped on request; the same call goes on.
  case stopped(problem: String)
  /// Rows could not be read, compared or clustered.
  case curation(CurationError)
  /// Images could not be embedded.
  case inference(InferenceError)
  /// Images could not be found or read.
  case data(DataError)
  /// A picture could not be drawn or written.
  case image(ImageError)
}

extension StoreError: CustomStringConvertible {
  /// The one-line message.
  public var description: String {
    switch self {
    case .missing(let path, let problem): "\(path.escapedForMessage): \(problem)"
    case .locked(let path, let holder):
      "\(path.escapedForMessage): is being curated by \(holder); wait for it, stop it, or name "
        + "another folder"
    case .damaged(let path, let problem): "refused \(path.escapedForMessage): \(problem)"
    case .incompatible(let path, let problem): "\(path.escapedForMessage): \(problem)"
    case .usage(let problem): problem
    case .unusable(let place, let problem): "\(place): \(problem)"
    case .system(let path, let problem): "\(path.escapedForMessage): \(problem)"
    case .stopped(let problem): problem
    case .curation(let error): "\(error)"
    case .inference(let error): "\(error)"
    case .data(let error): "\(error)"
    case .image(let error): "\(error)"
    }
  }

  /// Passes the result of work with rows on, or its error as one of this type.
  static func curation<Result>(
    _ body: () throws(CurationError) -> Result
  ) throws(StoreError) -> Result {
    do throws(CurationError) { return try body() } catch { throw .curation(error) }
  }

  /// Passes the result of work with files on, or its error as one of this type.
  static func files<Result>(
    _ body: () throws(CheckpointError) -> Result
  ) throws(StoreError) -> Result {
    do throws(CheckpointError) { return try body() } catch { throw .curation(.file(error)) }
  }

  /// What to do about a damaged file of a store.
  static func remedy(_ folder: String) -> String {
    "'dinov2 curate check --store \(folder.escapedForMessage) --repair' takes damaged files out, then embed "
      + "again"
  }
}
