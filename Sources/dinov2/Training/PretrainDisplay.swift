import DINOTraining
import Foundation
import Telemetry

/// What `pretrain` prints: the plan, a progress line, evaluations, warnings.
final class PretrainDisplay {
  private let json: Bool
  private var progress: ProgressReporter?
  private let start = Date()

  init(json: Bool) {
    self.json = json
  }

  func note(_ line: String) {
    if !json { Console.note(line) }
  }

  /// Prints what will be done.
  func plan(_ config: TrainingConfig, imageCount: Int) throws {
    let plan = TrainingPlan(config, imageCount: imageCount)
    if json {
      try Console.printJSON(plan)
    } else {
      Console.note(plan.text)
    }
    let (needed, present) = (
      MemoryEstimate(config).total, Int(clamping: ProcessInfo.processInfo.physicalMemory)
    )
    if needed > present {
      Console.note(
        "warning: about \(ByteCount(needed)) of memory are needed, the machine has "
          + "\(ByteCount(present)); raise train.accumulation_steps, or set "
          + "train.activation_checkpointing=true")
    }
  }

  func begin(total: Int) {
    progress = ProgressReporter.automatic(
      label: "pretrain", total: total, unit: .steps, json: json)
  }

  /// Shows what the trainer tells.
  func show(_ event: TrainingEvent) {
    switch event {
    case .resumed(let iteration):
      progress?.resume(at: iteration)
      progress?.note("going on after iteration \(NumberFormat.grouped(iteration))")
    case .step(let record): show(record)
    case .evaluated(let iteration, let measures):
      if json {
        progress?.event(
          "evaluated", iteration: iteration, measures: measures)
      } else {
        let values = measures.map { "\($0.name) \(NumberFormat.fixed($0.value, decimals: 4))" }
        progress?.note(
          "iteration \(NumberFormat.grouped(iteration)): \(values.joined(separator: ", "))")
      }
    case .saved(let iteration, let path):
      progress?.note("saved \(path) (iteration \(NumberFormat.grouped(iteration)))")
    case .warning(let line): progress?.warn(line)
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
