/// Why a file was refused, could not be read, or could not be written.
///
/// Every description is one line: the file, the place inside it, what was found, what was expected and,
/// where there is one, the remedy. Text that comes from the file is escaped, so that a hostile name
/// cannot forge lines of a log.
public enum CheckpointError: Error, Equatable, Sendable {
  /// The operating system refused an operation on the file, or the file changed while it was read.
  case file(path: String, problem: String)
  /// The file is something else than a weight file that this package reads.
  case container(path: String, problem: String, advice: String)
  /// The container is one of ours, but its parts contradict each other or the format's rules.
  case structure(path: String, place: String, problem: String)
  /// The pickle inside the file asks for something that the restricted reader does not do.
  case pickle(path: String, opcode: String, place: String, problem: String)
  /// The file is well formed but holds something that this package does not support.
  case unsupported(path: String, place: String, problem: String)
  /// The file exceeds a limit that protects memory and time.
  case limit(path: String, place: String, problem: String)
  /// A value that was asked for is not in the file.
  case missing(path: String, problem: String)
  /// The caller asked for something impossible, such as a shape that does not fit its data.
  case usage(problem: String)
}

extension CheckpointError: CustomStringConvertible {
  /// The one-line message.
  public var description: String {
    switch self {
    case .file(let path, let problem):
      return "\(path.escapedForMessage): \(problem)"
    case .container(let path, let problem, let advice):
      return "refused \(path.escapedForMessage): \(problem); \(advice)"
    case .structure(let path, let place, let problem):
      return "refused \(path.escapedForMessage): \(place): \(problem)"
    case .pickle(let path, let opcode, let place, let problem):
      return "refused \(path.escapedForMessage): opcode \(opcode) at \(place) \(problem); "
        + "nothing was executed"
    case .unsupported(let path, let place, let problem):
      return "refused \(path.escapedForMessage): \(place): \(problem)"
    case .limit(let path, let place, let problem):
      return "refused \(path.escapedForMessage): \(place): \(problem)"
    case .missing(let path, let problem):
      return "\(path.escapedForMessage): \(problem)"
    case .usage(let problem):
      return problem
    }
  }
}

extension String {
  /// The text with control characters, quotes and everything invisible escaped, at most 200 scalars.
  package var escapedForMessage: String {
    var result = ""
    var count = 0
    for scalar in unicodeScalars {
      if count == 200 {
        result += "…"
        break
      }
      count += 1
      switch scalar.value {
      case 0x20...0x21, 0x23...0x5B, 0x5D...0x7E:
        result.unicodeScalars.append(scalar)
      case 0x22, 0x5C:
        result += "\\"
        result.unicodeScalars.append(scalar)
      case 0xA1...0xAC, 0xAE...0x2FF, 0x370...0x3FF, 0x400...0x4FF, 0x4E00...0x9FFF,
        0x3041...0x30FF, 0xAC00...0xD7A3:
        result.unicodeScalars.append(scalar)
      default:
        result += "\\u{" + String(scalar.value, radix: 16) + "}"
      }
    }
    return result
  }

  /// The text, escaped and in quotation marks.
  package var quoted: String { "\"" + escapedForMessage + "\"" }
}
