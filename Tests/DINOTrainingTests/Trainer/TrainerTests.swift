import CheckpointFormats
import DINOData
import DINOModels
import DINOTestSupport
import DINOTraining
import Foundation
import Imaging
import Testing
import Torch

@Suite("Trainer")
struct TrainerTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.writeScenes("images", count: 24, side: 40, seed: 3)
  }

  private func config(
    _ overrides: String...
  ) throws -> TrainingConfig {
    try TrainingConfig.load(preset: .tiny).withSteps(12).changed(
      by: [
        "train.batch_size_per_gpu=8", "train.checkpoint_period=4", "train.centering=centering",
        "evaluation.eval_period_iterations=5", "optim.warmup_epochs=0",
      ] + overrides)
  }

  /// Trains until the end or until so many iterations are done.
  @discardableResult
  private func train(
    _ run: String, _ config: TrainingConfig, stopAfter limit: Int = .max,
    interruptedAt moment: Int? = nil, services: Trainer.Services = Trainer.Services()
  ) throws -> (outcome: Trainer.Outcome, events: [TrainingEvent]) {
    let events = Events()
    var services = services
    services.onEvent = { events.list.append($0) }
    services.shouldStop = { events.steps >= limit }
    services.evaluate = { backbone, iteration in
      if iteration == moment { return nil }
      return [
        Measure("tokens", Double(backbone.config.embedDim)), Measure("at", Double(iteration)),
      ]
    }
    let trainer = try Trainer(
      config, images: TrainingImages([folder.file("images")]),
      files: RunFiles(path: folder.file(run), config: config), services: services)
    return (try trainer.run(), events.list)
  }

  private final class Events {
    var list: [TrainingEvent] = []
    var steps: Int { list.count { if case .step = $0 { true } else { false } } }
  }

  private func weights(_ run: String) throws -> [UInt8] {
    [UInt8](
      try Data(contentsOf: URL(fileURLWithPath: folder.file("\(run)/model/model.safetensors"))))
  }

  private func metrics(_ run: String) throws -> [[String: Double]] {
    let text = try String(contentsOfFile: folder.file("\(run)/metrics.jsonl"), encoding: .utf8)
    return try text.split(separator: "\n").map { line in
      try JSONDecoder().decode([String: Double?].self, from: Data(line.utf8))
        .compactMapValues(\.self)
        .filter { key, _ in
          !key.hasSuffix("_time") && !["images_per_s", "peak_memory_mb"].contains(key)
        }
    }
  }

  @Test("gives the same bits whether it was stopped or not, with any number of loader threads")
  func resuming() throws {
    let (outcome, _) = try train("straight", config())
    #expect(outcome == .finished)

    let first = try train("stopped", config("train.loader_threads=3"), stopAfter: 5)
    #expect(first.outcome == .stopped(iteration: 5))
    let second = try train("stopped", config("train.loader_threads=2"))
    #expect(second.outcome == .finished)

    #expect(try weights("stopped") == weights("straight"))
    #expect(try metrics("stopped") == metrics("straight"))
  }

  @Test("an evaluation that a request to stop interrupts is made up for", arguments: [0, 5, 8, 12])
  func interruptedEvaluation(moment: Int) throws {
    let period = moment == 8 ? "evaluation.eval_period_iterations=4" : "train.seed=0"
    try train("straight", config(period))

    let first = try train("stopped", config(period), interruptedAt: moment)
    #expect(first.outcome == .stopped(iteration: moment))
    let second = try train("stopped", config(period))
    #expect(second.outcome == .finished)

    #expect(try weights("stopped") == weights("straight"))
    #expect(try metrics("stopped") == metrics("straight"))
    // The state of the last checkpoint, but for the name of its run.
    let states = try ["stopped", "straight"].map { run in
      try String(
        contentsOfFile: folder.file("\(run)/ckpt/step-000000012/state-00000-of-00001.json"),
        encoding: .utf8
      ).replacing(run, with: "run")
    }
    #expect(states[0] == states[1])
    #expect(!states[0].contains("owesEvaluation"))
  }

  @Test("measures, saves and exports at its periods and at the end")
  func events() throws {
    let (_, events) = try train("run", config())
    let saved = events.compactMap { event in
      if case .saved(let iteration, _) = event { iteration } else { nil }
    }
    let measured = events.compactMap { event in
      if case .evaluated(let iteration, _) = event { iteration } else { nil }
    }
    #expect(saved == [4, 8, 12])
    #expect(measured == [0, 5, 10, 12])
    let model = try ModelFolder.load(folder.file("run/model")).model
    #expect(model.config.embedDim == 64)
  }

  @Test("keeps pictures of crops at the start and of features beside each evaluation")
  func samples() throws {
    var services = Trainer.Services()
    services.draw = { _ in try PixelBuffer(size: Size(height: 3, width: 5), fill: .black) }
    try train("run", config(), services: services)
    let pictures = try FileManager.default.contentsOfDirectory(atPath: folder.file("run/samples"))
    #expect(
      pictures.sorted() == [
        "features-0000000.png", "features-0000005.png", "features-0000010.png",
        "features-0000012.png", "views-0000000.png",
      ])
    let picture = try ImageDecoder().decode(path: folder.file("run/samples/features-0000012.png"))
    #expect(picture.size == Size(height: 3, width: 5))
  }

  @Test("a picture that cannot be drawn is a warning, and the training goes on")
  func noPicture() throws {
    struct NothingToSee: Error {}
    var services = Trainer.Services()
    services.draw = { _ in throw NothingToSee() }
    let (outcome, events) = try train("run", config(), services: services)
    #expect(outcome == .finished)
    let warnings = events.filter { event in
      if case .warning(let line) = event { line.contains("NothingToSee") } else { false }
    }
    #expect(warnings.count == 4)
  }

  @Test("writes the teacher as Meta's training does on request")
  func teacherCheckpoint() throws {
    var services = Trainer.Services()
    services.writesTeacherCheckpoint = true
    try train("run", config(), services: services)
    let exported = try ModelFolder.load(folder.file("run/model")).model
    let loaded = try VisionTransformer.load(
      WeightFile(path: folder.file("run/teacher_checkpoint.pth")),
      expecting: ModelExpectation(name: "tiny", config: exported.config))
    for (name, value) in exported.stateDict {
      #expect(try loaded.stateDict[name]?.floats() == value.floats(), "\(name)")
    }
  }

  @Test("a finished run is exported again if its model is gone")
  func exportsAgain() throws {
    try train("run", config())
    let before = try weights("run")
    try FileManager.default.removeItem(atPath: folder.file("run/model"))
    #expect(try train("run", config()).outcome == .finished)
    #expect(try weights("run") == before)
  }

  @Test("refuses to go on with other mathematics, and names the change")
  func otherConfiguration() throws {
    try train("run", config(), stopAfter: 4)
    let error = #expect(throws: TrainingError.self) {
      try train("run", config("optim.base_lr=0.5"))
    }
    #expect(error?.description.contains("optim.base_lr: 0.004 → 0.5") == true)
  }

  @Test("stops after three steps that are no numbers")
  func nonFinite() throws {
    // The first step makes the parameters so large that nothing after it is a number.
    let error = #expect(throws: TrainingError.self) {
      try train("run", config("optim.base_lr=1e30", "optim.clip_grad=0"))
    }
    #expect(error == .nonFinite(iteration: 4, badSteps: 3))
  }

  @Test("a second trainer on the same folder is refused")
  func locked() throws {
    let config = try config()
    let held = try RunFiles(path: folder.file("run"), config: config)
    let error = #expect(throws: RunError.self) {
      try RunFiles(path: folder.file("run"), config: config)
    }
    #expect(error?.exitCode == 6)
    withExtendedLifetime(held) {}
  }
}
