/// How far a piece of work is, and how that reads.
struct ProgressState: Sendable {
  let unit: ProgressUnit
  let started: Duration
  var label: String
  var done = 0
  var total: Int?
  var estimator: RateEstimator
  /// What was done before the work began, for example in a run that is resumed; it takes no time.
  var skipped = 0

  init(label: String, total: Int?, unit: ProgressUnit, now: Duration) {
    self.unit = unit
    self.label = label.onOneLine
    self.total = total
    started = now
    estimator = RateEstimator(at: now)
  }

  /// The time left at the present rate; `nil` if the total or the rate is not known.
  var remaining: Duration? {
    guard let total, total >= done, let rate = estimator.perSecond, rate > 0 else { return nil }
    let seconds = Double(total - done) / rate
    return seconds < 0x1p40 ? .seconds(seconds) : nil
  }

  /// The mean rate since the start; `nil` if no time has passed.
  func meanRate(at now: Duration) -> Double? {
    let seconds = (now - started).seconds
    return seconds > 0 && done > skipped ? Double(done - skipped) / seconds : nil
  }

  private var counts: String {
    guard let total else { return unit.amount(done) }
    return unit.count(done) + "/" + unit.count(total)
  }

  private var rate: String? {
    guard let rate = estimator.perSecond, rate > 0 else { return nil }
    return unit.rate(rate)
  }

  /// The refreshing line of a terminal, at most `width` columns.
  func line(width: Int, usesUnicode: Bool) -> String {
    var parts = [counts]
    if let rate { parts.append(rate) }
    if let remaining { parts.append(NumberFormat.time(remaining) + " left") }
    let rest = parts.joined(separator: "  ")
    // The bar takes what is left between the label and the figures, up to 24 columns.
    let room = width - label.displayWidth - rest.displayWidth - 3
    let bar = room >= 6 ? self.bar(columns: min(room, 24), usesUnicode: usesUnicode) : nil
    let text = [label, bar.map { $0 + " " }, rest].compactMap(\.self).joined(separator: " ")
    return text.truncated(toWidth: width, ellipsis: usesUnicode ? "…" : "...")
  }

  private func bar(columns: Int, usesUnicode: Bool) -> String? {
    guard let total, total > 0 else { return nil }
    let share = min(max(Double(done) / Double(total), 0), 1)
    let filled = Int(share * Double(columns))
    return String(repeating: usesUnicode ? "█" : "#", count: filled)
      + String(repeating: usesUnicode ? "░" : ".", count: columns - filled)
  }

  /// A line for a log.
  var plain: String {
    var text = label + ": " + counts
    if let total, total > 0 { text += " (\(Int(Double(done) / Double(total) * 100)) %)" }
    if let rate { text += ", " + rate }
    if let remaining { text += ", " + NumberFormat.time(remaining) + " left" }
    return text
  }

  /// The last line.
  func summary(at now: Duration) -> String {
    var text = label + ": " + unit.amount(done) + " in " + NumberFormat.time(now - started)
    if let rate = meanRate(at: now) { text += " (" + unit.rate(rate) + ")" }
    return text
  }

  /// The members of a JSON event.
  func fields(event: String, at now: Duration) -> [(String, JSONField)] {
    var fields: [(String, JSONField)] = [
      ("event", .string(event)), ("label", .string(label)), ("done", .integer(done)),
      ("total", total.map { .integer($0) } ?? .null), ("unit", .string(unit.plural)),
      ("elapsed_s", .number((now - started).seconds.toThousandths)),
    ]
    let rate = event == "done" ? meanRate(at: now) : estimator.perSecond
    fields.append(("per_second", rate.map { .number($0.toThousandths) } ?? .null))
    if event == "progress" {
      fields.append(("left_s", remaining.map { .number($0.seconds.toThousandths) } ?? .null))
    }
    return fields
  }
}

extension Double {
  /// The value rounded to three decimals, enough for times and rates.
  fileprivate var toThousandths: Double { (self * 1_000).rounded() / 1_000 }
}
