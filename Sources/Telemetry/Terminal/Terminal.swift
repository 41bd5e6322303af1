internal import Glibc

/// What an output of the program can show: whether a person watches it, how wide it is, and whether it
/// takes colours.
public struct Terminal: Sendable {
  /// The terminal, file or pipe that results go to.
  public static let standardOutput = Terminal(
    descriptor: STDOUT_FILENO, environment: processEnvironment)
  /// The terminal, file or pipe that messages and progress go to.
  public static let standardError = Terminal(
    descriptor: STDERR_FILENO, environment: processEnvironment)

  /// Whether a person watches: the output is a terminal that can move its cursor.
  public let isInteractive: Bool
  /// Whether styles are shown: a terminal, and `NO_COLOR` is unset or empty.
  public let usesStyles: Bool
  /// Whether the locale prints more than ASCII.
  public let usesUnicode: Bool
  private let descriptor: Int32
  private let fallbackWidth: Int

  /// Examines an output.
  ///
  /// - Parameters:
  ///   - descriptor: The file descriptor of the output.
  ///   - environment: Gives the value of an environment variable; `TERM`, `NO_COLOR`, `COLUMNS`,
  ///     `LC_ALL`, `LC_CTYPE` and `LANG` are asked for.
  public init(descriptor: Int32, environment: (String) -> String?) {
    self.init(
      isTerminal: isatty(descriptor) == 1, descriptor: descriptor, environment: environment)
  }

  package init(isTerminal: Bool, descriptor: Int32, environment: (String) -> String?) {
    self.descriptor = descriptor
    isInteractive = isTerminal && environment("TERM") != "dumb"
    // https://no-color.org: any value but the empty one switches colours off.
    usesStyles = isInteractive && (environment("NO_COLOR") ?? "").isEmpty
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(environment).first { !$0.isEmpty }
    let encoding = (locale ?? "").lowercased()
    usesUnicode = encoding.contains("utf-8") || encoding.contains("utf8")
    let columns = environment("COLUMNS").flatMap { Int($0) } ?? 0
    fallbackWidth = columns > 0 ? columns : 80  // the width of the terminals that set the custom
  }

  /// The number of columns now; `COLUMNS` or 80 if the system does not know.
  public var width: Int {
    var size = winsize()
    let status = unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size)
    return status == 0 && size.ws_col > 0 ? Int(size.ws_col) : fallbackWidth
  }

  /// Text in a style, or the bare text where styles are not shown.
  ///
  /// - Parameters:
  ///   - text: The text.
  ///   - style: The style.
  /// - Returns: The text between the codes that switch the style on and off.
  public func styled(_ text: String, _ style: TextStyle) -> String {
    usesStyles && !text.isEmpty ? "\u{1B}[\(style.code)m\(text)\u{1B}[0m" : text
  }

  private static func processEnvironment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}

/// How text stands out on a terminal.
public enum TextStyle: Sendable, CaseIterable {
  /// Heavy letters, for headings.
  case bold
  /// Faint letters, for what matters less.
  case dim
  /// Red, for errors.
  case red
  /// Green, for success.
  case green
  /// Yellow, for warnings.
  case yellow

  /// The parameter of the escape sequence (ECMA-48, "select graphic rendition").
  fileprivate var code: Int {
    switch self {
    case .bold: 1
    case .dim: 2
    case .red: 31
    case .green: 32
    case .yellow: 33
    }
  }
}
