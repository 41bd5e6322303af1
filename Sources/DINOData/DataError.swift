/// Why images could not be found, read or written.
///
/// Every description is one line that says what, where, what was found and what to do. Names that
/// come from the file system or from an archive are escaped, so that they cannot forge lines of a
/// log.
public enum DataError: Error, Equatable, Sendable {
  /// The caller asked for something impossible: a bad pattern, a size of zero, an unknown class.
  case usage(problem: String)
  /// A file was refused: it is damaged, too large, or not what it should be.
  case refused(path: String, problem: String)
  /// Inputs hold nothing to work on, or their parts contradict each other.
  case unusable(place: String, problem: String)
  /// The operating system refused an operation.
  case system(path: String, problem: String)

  /// The kinds of failure that callers tell apart.
  public enum Category: Int32, Sendable {
    /// The command was used wrongly.
    case usage = 2
    /// One input file was refused.
    case refusedInput = 3
    /// The data set as a whole cannot be used.
    case unusableDataSet = 4
    /// Reading or writing failed.
    case inputOutput = 5
  }

  /// The kind of failure; its raw value is the program's exit code.
  public var category: Category {
    switch self {
    case .usage: .usage
    case .refused: .refusedInput
    case .unusable: .unusableDataSet
    case .system: .inputOutput
    }
  }
}

extension DataError: CustomStringConvertible {
  /// The one-line message.
  public var description: String {
    switch self {
    case .usage(let problem): problem
    case .refused(let path, let problem): "refused \(path): \(problem)"
    case .unusable(let place, let problem): "\(place): \(problem)"
    case .system(let path, let problem): "\(path): \(problem)"
    }
  }
}
