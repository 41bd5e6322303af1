import ArgumentParser
import DINOEvaluation
import DINOInference
import DINOModels
import DINOTraining
import Foundation
import Synchronization
import Telemetry
import Torch

/// One training of a head: its folder, its lock, its display, its end.
///
/// What an unfinished run leaves is in `<output>.training`, from which the same command goes on; the folder
/// goes away with the end.
final class HeadTrainRun: Sendable {
  /// The head folder.
  let output: String
  private let isJSON: Bool
  private let form: WeightForm.ElementType
  private let lock: RunLock
  private let progress = Mutex<ProgressReporter?>(nil)

  /// The folder of what an unfinished run leaves.
  let workFolder: String

  /// Takes the folders.
  init(_ options: HeadOutputOptions) throws {
    var output = options.output
    while output.count > 1, output.last == "/" { output.removeLast() }
    self.output = output
    isJSON = options.json
    form = .init(rawValue: options.dtype.rawValue) ?? .float32
    workFolder = output + ".training"
    let files = FileManager.default
    if files.fileExists(atPath: output), !options.overwrite {
      let isEmpty = (try? files.contentsOfDirectory(atPath: output).isEmpty) ?? false
      guard isEmpty else {
        throw UsageError(
          "\(output) exists" + (HeadFolder.exists(at: output) ? " and holds a head" : "")
            + "; name another folder, or pass --overwrite")
      }
    }
    do {
      try files.createDirectory(atPath: workFolder, withIntermediateDirectories: true)
    } catch {
      throw RunError.system(
        path: workFolder, problem: "cannot be made; check the path and its rights")
    }
    lock = try RunLock(path: workFolder + "/.lock", runID: output)
    if options.overwrite {
      for name in ["state.safetensors", "features.npy", "features.npy.partial", "features.txt"] {
        try? files.removeItem(atPath: "\(workFolder)/\(name)")
      }
    }
    StopSignal.install()
  }

  /// Shows what a job tells and hands on requests to stop.
  var services: DenseHeadJob.Services {
    var services = DenseHeadJob.Services()
    services.onEvent = { self.show($0) }
    services.shouldStop = { StopSignal.isRequested }
    return services
  }

  private func show(_ event: DenseHeadJob.Event) {
    progress.withLock { progress in
      switch event {
      case .begin(let label, let total, let isSteps):
        progress?.stop()
        progress = ProgressReporter.automatic(
          label: label, total: total, unit: isSteps ? .steps : .images, json: isJSON)
      case .done(let count): progress?.update(done: count)
      case .losses(let step, let losses):
        // The least loss: which learning rate wins is not known yet.
        guard step % 10 == 0, let least = losses.filter(\.isFinite).min() else { return }
        progress?.event("losses", ["step": .integer(step), "loss": .number(least)])
        progress?.relabel("training, loss \(NumberFormat.fixed(least, decimals: 3))")
      case .note(let text): reporter(&progress).note(text)
      case .warning(let text): reporter(&progress).warn(text)
      }
    }
  }

  private func reporter(_ progress: inout ProgressReporter?) -> ProgressReporter {
    let found =
      progress
      ?? ProgressReporter.automatic(label: "head", total: nil, unit: .images, json: isJSON)
    progress = found
    return found
  }

  /// Takes the display off, before an error or other output.
  func endDisplay() {
    progress.withLock { progress in
      progress?.stop()
      progress = nil
    }
  }

  /// Ends a run that was stopped: what is done is kept.
  func stopped() -> ExitCode {
    endDisplay()
    Console.note("stopped; the same command goes on from \(workFolder)")
    return ExitCode(Failure.Code.stopped.rawValue)
  }

  /// The name of the head folder.
  var name: String { (output as NSString).lastPathComponent }

  /// Writes the head.
  func write(
    _ config: HeadConfig, _ parameters: [(name: String, tensor: Tensor)], _ card: HeadCard
  ) throws {
    try HeadFolder.write(
      config, parameters: parameters, card: card.markdown(title: name), form: form, to: output)
  }

  /// The folder of the backbone that learnt with the head.
  var backbonePath: String { "\(output)/\(HeadFolder.backboneName)" }

  /// Writes the backbone that learnt with the head; without one, an earlier head's is removed.
  func write(backbone: VisionTransformer?, cropSide: Int?) throws {
    guard let backbone else {
      try? FileManager.default.removeItem(atPath: backbonePath)
      return
    }
    for line in try ModelFolder.write(backbone, to: backbonePath, cropSide: cropSide) {
      Console.note(line)
    }
  }

  /// The model that a written head belongs to: the frozen one, or the backbone that learnt with it, run as
  /// the options say.
  func appliedModel(
    of trained: DenseHeadJob.Trained, frozen: DINOv2, _ options: ModelOptions
  ) async throws -> DINOv2 {
    guard trained.backbone != nil else { return frozen }
    return try await options.load(folder: backbonePath)
  }

  /// Removes what the run left; the head is written.
  func clean() { try? FileManager.default.removeItem(atPath: workFolder) }

  /// The command as it was given, for the model card; paths become names, so that a card tells nothing
  /// about a machine.
  static var command: String {
    let words = CommandLine.arguments.dropFirst().map { word in
      word.hasPrefix("/") ? (word as NSString).lastPathComponent : word
    }
    return (["dinov2"] + words).map { $0.contains(" ") ? "'\($0)'" : $0 }.joined(separator: " ")
  }
}
