/// What a progress display is shown on: outputs, their form, and a clock.
public struct ProgressOutput: Sendable {
  /// The outputs of the process and its clock.
  public static let process: ProgressOutput = {
    let origin = ContinuousClock.now
    return ProgressOutput(
      standardOutput: .standardOutput, standardError: .standardError,
      terminal: .standardError, width: { Terminal.standardError.width },
      now: { ContinuousClock.now - origin })
  }()

  /// Takes JSON events.
  public var standardOutput: OutputSink
  /// Takes lines for people.
  public var standardError: OutputSink
  /// Says what the output for people can show.
  public var terminal: Terminal
  /// Gives the present width of the terminal in columns.
  public var width: @Sendable () -> Int
  /// Gives the time since any fixed moment; it must never go back.
  public var now: @Sendable () -> Duration

  /// Creates an output.
  ///
  /// - Parameters:
  ///   - standardOutput: Takes JSON events.
  ///   - standardError: Takes lines for people.
  ///   - terminal: Says what the output for people can show.
  ///   - width: Gives the present width of the terminal in columns.
  ///   - now: Gives the time since any fixed moment; it must never go back.
  public init(
    standardOutput: OutputSink, standardError: OutputSink, terminal: Terminal,
    width: @escaping @Sendable () -> Int, now: @escaping @Sendable () -> Duration
  ) {
    self.standardOutput = standardOutput
    self.standardError = standardError
    self.terminal = terminal
    self.width = width
    self.now = now
  }
}
