/// Why weights could not be found or downloaded.
///
/// Every description is one line that says what, where, what was found and what to do. Addresses stand
/// without their query, which can hold a signature.
public enum HubError: Error, Equatable, Sendable {
  /// No released model has the name.
  case unknownModel(name: String, nearest: String?)
  /// A setting, such as an address in the environment, cannot be used.
  case settings(problem: String)
  /// The weights are not here, and the program was built without downloads.
  case builtWithoutDownloads(what: String, url: String)
  /// The weights are not here, and the environment forbids downloads.
  case offline(what: String, folder: String, url: String)
  /// The server answered, but not with the file.
  case refused(url: String, status: Int, advice: String)
  /// The server could not be reached, went silent or closed the connection.
  case network(url: String, problem: String)
  /// The answer contradicts the rules of the protocol.
  case answer(url: String, problem: String)
  /// A file is not the one that was announced.
  case damaged(path: String, problem: String)
  /// The file does not fit on the disk; `needed` is 0 where it is not known.
  case diskFull(path: String, needed: Int, available: Int)
  /// The operating system refused an operation.
  case system(path: String, problem: String)
  /// The work was cancelled; what was downloaded so far is kept.
  case stopped(what: String)

  /// The kinds of failure that callers tell apart.
  public enum Category: Int32, Sendable {
    /// The command or the environment was used wrongly.
    case usage = 2
    /// Reading, writing or the network failed.
    case inputOutput = 5
    /// The work was stopped on request and can be resumed.
    case stopped = 75
  }

  /// The kind of failure; its raw value is the program's exit code.
  public var category: Category {
    switch self {
    case .unknownModel, .settings, .builtWithoutDownloads: .usage
    case .offline, .refused, .network, .answer, .damaged, .diskFull, .system: .inputOutput
    case .stopped: .stopped
    }
  }
}

extension HubError: CustomStringConvertible {
  /// The one-line message.
  public var description: String {
    switch self {
    case .unknownModel(let name, let nearest):
      "unknown model \"\(name.onOneLine)\"; "
        + (nearest.map { "did you mean \($0)? " } ?? "") + "`dinov2 models list` shows all names"
    case .settings(let problem): problem.onOneLine
    case .builtWithoutDownloads(let what, let url):
      "\(what) is not on this machine and this program was built without downloads: build it with "
        + "the package trait Hub (`swift build --traits Hub`), or " + HubError.byHand(url)
    case .offline(let what, let folder, let url):
      "\(what) is not in \(folder.onOneLine) and HF_HUB_OFFLINE forbids downloads: unset it, or "
        + HubError.byHand(url)
    case .refused(let url, let status, let advice):
      "\(url): the server answered \(status)\(HubError.reason(status)); \(advice.onOneLine)"
    case .network(let url, let problem):
      "\(url): \(problem.onOneLine); check the network and try again (what was downloaded is kept), "
        + "or download the file yourself and pass --weights FILE"
    case .answer(let url, let problem): "\(url): \(problem.onOneLine)"
    case .damaged(let path, let problem): "\(path.onOneLine): \(problem.onOneLine)"
    case .diskFull(let path, let needed, let available):
      "\(path.onOneLine): the disk is full: "
        + (needed > 0 ? "\(needed) bytes are needed and " : "")
        + "\(available) are free; free some "
        + "space and try again (what was downloaded is kept), or move the cache (TORCH_HOME, HF_HOME)"
    case .system(let path, let problem): "\(path.onOneLine): \(problem.onOneLine)"
    case .stopped(let what):
      "\(what.onOneLine): stopped; what was downloaded is kept and the next try goes on from there"
    }
  }

  private static func byHand(_ url: String) -> String {
    "download \(url) yourself and pass --weights FILE"
  }

  private static func reason(_ status: Int) -> String {
    switch status {
    case 401: " (not authorised)"
    case 403: " (forbidden)"
    case 404: " (not found)"
    case 410: " (gone)"
    case 416: " (range not satisfiable)"
    case 429: " (too many requests)"
    case 500...599: " (failure of the server)"
    default: ""
    }
  }
}

extension String {
  /// The text without control characters, at most 400 characters.
  var onOneLine: String {
    var result = ""
    for scalar in unicodeScalars.prefix(400) {
      switch scalar.value {
      case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
