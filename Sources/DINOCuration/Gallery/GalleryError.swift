internal import CheckpointFormats
public import DINOInference

/// Why a gallery could not be built, opened or searched.
///
/// Every description is one line that says what, where, what was found and what to do.
public enum GalleryError: Error, Sendable {
  /// There is no gallery in the folder.
  case missing(path: String)
  /// Another process writes in the folder.
  case locked(path: String, holder: String)
  /// A file of the gallery is not as it was written.
  case damaged(path: String, problem: String)
  /// The gallery was built in another way than it is to be used.
  case incompatible(path: String, problem: String)
  /// The caller asked for something impossible.
  case usage(problem: String)
  /// The operating system refused something.
  case system(path: String, problem: String)
  /// Rows could not be read, compared or indexed.
  case curation(CurationError)
  /// Images could not be described.
  case inference(InferenceError)
}

extension GalleryError: CustomStringConvertible {
  /// The one-line message.
  public var description: String {
    switch self {
    case .missing(let path):
      "\(path.escapedForMessage): holds no index; make one with 'dinov2 search build INPUT... "
        + "--index \(path.escapedForMessage)'"
    case .locked(let path, let holder):
      "\(path.escapedForMessage): is being written by \(holder); wait for it, stop it, or name "
        + "another --index"
    case .damaged(let path, let problem): "refused \(path.escapedForMessage): \(problem)"
    case .incompatible(let path, let problem): "\(path.escapedForMessage): \(problem)"
    case .usage(let problem): problem
    case .system(let path, let problem): "\(path.escapedForMessage): \(problem)"
    case .curation(let error): "\(error)"
    case .inference(let error): "\(error)"
    }
  }

  /// Passes the result of work with embeddings on, or its error as one of this type.
  static func curation<Result>(
    _ body: () throws(CurationError) -> Result
  ) throws(GalleryError) -> Result {
    do throws(CurationError) { return try body() } catch { throw .curation(error) }
  }
}
