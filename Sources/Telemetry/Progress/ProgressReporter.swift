internal import Synchronization

/// Tells how far long work is: one refreshing line on a terminal, plain lines in a log, or JSON events.
///
///     let progress = ProgressReporter.automatic(
///       label: "Embedding", total: paths.count, unit: .images, json: json)
///     for path in paths {
///       …
///       progress.advance()
///     }
///     progress.finish()
///
/// All methods may be called from several threads. A reporter that goes away without ``finish(_:)``
/// takes its line off the terminal, so that an error message stands alone.
public final class ProgressReporter: Sendable {
  /// How progress is shown.
  public enum Style: Sendable, CaseIterable {
    /// One line on a terminal that is written again and again.
    case line
    /// A line of a log every few seconds, and one at the end.
    case plain
    /// One JSON object per event on the standard output.
    case json
    /// Nothing but warnings.
    case silent
  }

  /// The shortest time between two updates.
  private static func interval(_ style: Style) -> Duration {
    switch style {
    case .line: .milliseconds(100)  // faster cannot be read
    case .plain: .seconds(5)
    case .json, .silent: .seconds(1)
    }
  }

  private struct Display {
    var progress: ProgressState
    var lastUpdate: Duration
    var isLineVisible = false
    var isFinished = false
  }

  /// How progress is shown.
  public let style: Style
  private let output: ProgressOutput
  private let display: Mutex<Display>

  /// Creates a reporter; JSON shows the start at once, the other styles wait for the first progress.
  ///
  /// - Parameters:
  ///   - label: What is being done, one word or a few.
  ///   - total: How much there is to do, if it is known.
  ///   - unit: What is counted.
  ///   - style: How progress is shown.
  ///   - output: What it is shown on.
  public init(
    label: String, total: Int?, unit: ProgressUnit, style: Style, output: ProgressOutput = .process
  ) {
    self.style = style
    self.output = output
    let now = output.now()
    let progress = ProgressState(label: label, total: total, unit: unit, now: now)
    display = Mutex(Display(progress: progress, lastUpdate: now))
    if style == .json { writeJSON(progress.fields(event: "progress", at: now)) }
  }

  /// Creates a reporter in the style that fits the outputs of the process.
  ///
  /// - Parameters:
  ///   - label: What is being done, one word or a few.
  ///   - total: How much there is to do, if it is known.
  ///   - unit: What is counted.
  ///   - json: Whether the user asked for JSON events on the standard output.
  ///   - output: What it is shown on.
  /// - Returns: A reporter with ``Style/json`` if asked for, otherwise with ``Style/line`` on a terminal
  ///   and ``Style/plain`` elsewhere.
  public static func automatic(
    label: String, total: Int?, unit: ProgressUnit, json: Bool, output: ProgressOutput = .process
  ) -> ProgressReporter {
    let style: Style = json ? .json : output.terminal.isInteractive ? .line : .plain
    return ProgressReporter(label: label, total: total, unit: unit, style: style, output: output)
  }

  deinit { stop() }

  /// Counts something as done.
  ///
  /// - Parameter count: How much was done since the last call.
  public func advance(by count: Int = 1) { change { $0.done += count } }

  /// Sets how much is done.
  ///
  /// - Parameters:
  ///   - done: How much is done in all.
  ///   - total: How much there is to do; `nil` leaves it as it is.
  public func update(done: Int, total: Int? = nil) {
    change { progress in
      progress.done = done
      progress.total = total ?? progress.total
    }
  }

  /// Sets how much was done before this work began; it does not count for the rate.
  ///
  /// - Parameter done: How much is done in all.
  public func resume(at done: Int) {
    display.withLock { display in
      display.progress.skipped += done - display.progress.done
      display.progress.done = done
    }
  }

  /// Begins the next piece of work, for example the next file, with a clock and a rate of its own.
  ///
  /// - Parameters:
  ///   - label: What is being done.
  ///   - done: How much was done before, for example in a download that is resumed.
  ///   - total: How much there is to do, if it is known.
  public func begin(_ label: String, done: Int = 0, total: Int? = nil) {
    let now = output.now()
    display.withLock { display in
      let unit = display.progress.unit
      display.progress = ProgressState(label: label, total: total, unit: unit, now: now)
      display.progress.done = done
      display.progress.skipped = done
    }
  }

  /// Changes the label.
  ///
  /// - Parameter label: What is being done.
  public func relabel(_ label: String) { change { $0.label = label.onOneLine } }

  /// Prints a warning above the progress line, also in the silent style.
  ///
  /// - Parameter message: One sentence.
  public func warn(_ message: String) {
    let text = message.onOneLine
    let line = output.terminal.styled("warning:", .yellow) + " " + text
    interrupt(event: "warning", message: text, line: line)
  }

  /// Prints a line above the progress line; the silent style leaves it off.
  ///
  /// - Parameter message: One sentence.
  public func note(_ message: String) {
    guard style != .silent else { return }
    let text = message.onOneLine
    interrupt(event: "note", message: text, line: text)
  }

  /// Writes an event of the caller's own in the JSON style, such as the losses of a step; the other
  /// styles leave it off.
  ///
  /// - Parameters:
  ///   - name: The value of the member `event`.
  ///   - fields: The other members, in order.
  public func event(_ name: String, _ fields: KeyValuePairs<String, JSONField>) {
    guard style == .json else { return }
    display.withLock { _ in
      writeJSON([("event", .string(name))] + fields.map { ($0.key, $0.value) })
    }
  }

  /// Shows the end of the work; later calls change nothing.
  ///
  /// - Parameter summary: The last line; otherwise the count, the time and the mean rate.
  public func finish(_ summary: String? = nil) {
    let now = output.now()
    display.withLock { display in
      guard !display.isFinished else { return }
      display.isFinished = true
      switch style {
      case .silent: break
      case .json:
        var fields = display.progress.fields(event: "done", at: now)
        if let summary { fields.append(("summary", .string(summary))) }
        writeJSON(fields)
      case .line, .plain:
        erase(&display)
        let text = summary?.onOneLine ?? display.progress.summary(at: now)
        output.standardError.write(text + "\n")
      }
    }
  }

  /// Ends the display without a last line, for work that failed.
  public func stop() {
    display.withLock { display in
      erase(&display)
      display.isFinished = true
    }
  }

  private func change(_ body: (inout ProgressState) -> Void) {
    let now = output.now()
    display.withLock { display in
      guard !display.isFinished else { return }
      let before = display.progress.done
      body(&display.progress)
      let done = display.progress.done
      // Another thread may have read the clock later and come here first.
      display.progress.estimator.add(max(done - before, 0), at: now)
      let isComplete = done == display.progress.total && done != before
      let isDue = now - display.lastUpdate >= ProgressReporter.interval(style)
      guard isDue || (isComplete && style == .line) else { return }
      display.lastUpdate = now
      switch style {
      case .silent: break
      case .json: writeJSON(display.progress.fields(event: "progress", at: now))
      case .plain: output.standardError.write(display.progress.plain + "\n")
      case .line: draw(&display)
      }
    }
  }

  private func draw(_ display: inout Display) {
    // A line as wide as the terminal would break on some, so one column stays free.
    let width = max(output.width() - 1, 0)
    let text = display.progress.line(width: width, usesUnicode: output.terminal.usesUnicode)
    output.standardError.write("\r" + text + "\u{1B}[K")
    display.isLineVisible = true
  }

  private func erase(_ display: inout Display) {
    guard display.isLineVisible else { return }
    output.standardError.write("\r\u{1B}[K")
    display.isLineVisible = false
  }

  private func writeJSON(_ fields: [(String, JSONField)]) {
    output.standardOutput.write(JSONField.object(fields) + "\n")
  }

  private func interrupt(event: String, message: String, line: String) {
    display.withLock { display in
      guard style != .json else {
        return writeJSON([("event", .string(event)), ("message", .string(message))])
      }
      let wasVisible = display.isLineVisible
      erase(&display)
      output.standardError.write(line + "\n")
      if wasVisible { draw(&display) }
    }
  }
}
