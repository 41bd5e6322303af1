import DINOTraining
import Foundation
import Telemetry

/// What `pretrain` prints: the plan, a progress line, evaluations, warnings.
///
/// All but the progress line also goes into the run's log.
final class PretrainDisplay {
  private let json: Bool
  private var progress: ProgressReporter?
  private var log: FileHandle?
  /// What was said before the log could be opened.
  private var earlier: [String] = []

  init(json: Bool) {
    self.json = json
  }

  func note(_ line: String) {
    write(line)
    if !json { Console.note(line) }
  }

  /// Writes a line into the log; a log that cannot be written stops nothing.
  private func write(_ line: String) {
    let stamped = "\(Date().ISO8601Format()) \(line)\n"
    guard let log else { return earlier.append(stamped) }
    try? log.write(contentsOf: Data(stamped.utf8))
  }

  /// Says something beside the progress line.
  private func tell(_ line: String) {
    write(line)
    progress?.note(line)
  }

  /// Prints what will be done.
  func plan(_ config: TrainingConfig, imageCount: Int) throws {
    let plan = TrainingPlan(config, imageCount: imageCount)
    if json {
      try Console.printJSON(plan)
    } else {
      note(plan.text)
    }
    let (needed, present) = (
      MemoryEstimate(config).total, Int(clamping: ProcessInfo.processInfo.physicalMemory)
    )
    if needed > present {
      note(
        "warning: about \(ByteCount(needed)) of memory are needed, the machine has "
          + "\(ByteCount(present)); raise train.accumulation_steps, or set "
          + "train.activation_checkpointing=true")
    }
  }

  /// Starts the progress line and adds to the log.
  func begin(total: Int, log path: String) {
    if !FileManager.default.fileExists(atPath: path) {
      _ = FileManager.default.createFile(atPath: path, contents: nil)
    }
    log = FileHandle(forWritingAtPath: path)
    _ = try? log?.seekToEnd()
    for line in earlier { try? log?.write(contentsOf: Data(line.utf8)) }
    earlier = []
    progress = ProgressReporter.automatic(
      label: "pretrain", total: total, unit: .steps, json: json)
  }

  /// Shows what the trainer tells.
  func show(_ event: TrainingEvent) {
    switch event {
    case .resumed(let iteration):
      progress?.resume(at: iteration)
      tell("going on after iteration \(NumberFormat.grouped(iteration))")
    case .step(let record): show(record)
    case .evaluated(let iteration, let measures):
      let values = measures.map { "\($0.name) \(NumberFormat.fixed($0.value, decimals: 4))" }
      let line = "iteration \(NumberFormat.grouped(iteration)): \(values.joined(separator: ", "))"
      guard json else { return tell(line) }
      write(line)
      progress?.event("evaluated", iteration: iteration, measures: measures)
    case .saved(let iteration, let path):
      tell("saved \(path) (iteration \(NumberFormat.grouped(iteration)))")
    case .warning(let line):
      write("warning: " + line)
      progress?.warn(line)
    }
  }

  private func show(_ record: StepRecord) {
    let losses = record.losses
    let parts = [
      ("loss", losses.total), ("dino", losses.dinoLocal + losses.dinoGlobal), ("ibot", losses.ibot),
      ("koleo", losses.koleo / 2),
    ]
    let text = parts.map { "\($0.0) \(String(format: "%.3f", $0.1))" }.joined(separator: " ")
    let wait = 100 * record.dataSeconds / max(record.seconds, 1e-9)
    let speed = String(format: "%.1f img/s, data %.0f %%", record.imagesPerSecond, wait)
    progress?.relabel("\(text) · \(speed)")
    progress?.advance()
  }

  func finish(_ folder: RunFolder) {
    write("trained: the model is in \(folder.model)")
    progress?.finish("trained: the model is in \(folder.model)")
  }

  func stop(iteration: Int, folder: RunFolder) {
    progress?.stop()
    note(
      "stopped after iteration \(NumberFormat.grouped(iteration)) and saved; the same command goes on "
        + "from there")
  }

  func end() { progress?.stop() }
}

extension ProgressReporter {
  fileprivate func event(_ name: String, iteration: Int, measures: [Measure]) {
    let values = measures.map { JSONField.string("\($0.name)=\($0.value)") }
    event(name, ["iteration": .integer(iteration), "measures": .array(values)])
  }
}
