import ArgumentParser
import DINOData
import DINOTraining
import Foundation
import Telemetry
import Torch

/// `dinov2 pretrain`: self-supervised training of a backbone.
struct PretrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pretrain",
    abstract: "Train a backbone without labels.",
    discussion: """
      Learns features from a folder of images by DINOv2's recipe: student and teacher, multi-crop, DINO \
      and iBOT losses, KoLeo. Without --preset and --config one is chosen by the size of the data and \
      printed. Settings can be changed by KEY=VALUE, with the names of Meta's YAML files, which --config \
      takes as they are.

      The run folder gets config.yaml, metrics.jsonl, log.txt, TensorBoard events, pictures in samples/, \
      checkpoints and, in model/, the teacher as a model folder. The same command again goes on where the last checkpoint stands. SIGTERM \
      and Ctrl-C save and stop with exit code 75.

      Example: dinov2 pretrain --data photos/ --output runs/first
      Example: dinov2 pretrain --data photos/ --output runs/long --preset small-data --steps 20000 \
      optim.base_lr=1e-3
      """)

  @Option(
    help: "Images: a folder, a list (@list.txt), a pattern, tar shards, or Meta's dataset string.",
    completion: .directory)
  var data: String?

  @Option(name: .shortAndLong, help: "The run folder.", completion: .directory)
  var output: String

  @Flag(help: "Only algorithms that give the same bits every time.")
  var deterministic = false

  @Option(help: "Threads that compute; all cores if left out.")
  var threads: Int?

  @Flag(help: "Also write the teacher as Meta's training does: teacher_checkpoint.pth.")
  var teacherCheckpoint = false

  @Flag(help: "Print the plan and stop.")
  var dryRun = false

  @Flag(help: "Print one JSON object per event to standard output.")
  var json = false

  @OptionGroup(title: "Settings") var settings: TrainingOptions

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is \(threads); expected 1 to 1024.")
    }
  }

  func run() async throws {
    ComputeThreads.quiet()
    try train()
  }

  /// Everything in order; blocks until the run ends.
  private func train() throws {
    if let threads { TorchRuntime.threadCount = threads }
    StopSignal.install()
    let display = PretrainDisplay(json: json)
    let (config, images) = try resolve(display)
    try display.plan(config, imageCount: images.count)
    // Before anything is written: labelled images that cannot be used stop the run here.
    let evaluation = try PretrainEvaluation(config) { display.note($0) }
    guard !dryRun else { return }
    let files = try RunFiles(path: output, config: config)
    var services = Trainer.Services()
    services.onEvent = { display.show($0) }
    services.shouldStop = { StopSignal.isRequested }
    let samples = PretrainSamples(images, patchSize: config.student.patchSize)
    services.draw = { try samples.draw($0) }
    services.writesTeacherCheckpoint = teacherCheckpoint
    services.evaluate = evaluation.map { evaluation in { try evaluation.measure($0, $1) } }
    display.begin(total: config.totalIterations, log: files.folder.log)
    do {
      let trainer = try Trainer(config, images: images, files: files, services: services)
      switch try trainer.run() {
      case .finished: display.finish(files.folder)
      case .stopped(let iteration):
        display.stop(iteration: iteration, folder: files.folder)
        throw ExitCode(75)
      }
    } catch {
      display.end()
      throw error
    }
  }

  /// The settings and the images.
  private func resolve(
    _ display: PretrainDisplay
  ) throws -> (config: TrainingConfig, images: TrainingImages) {
    var images = try data.map { try TrainingImages([$0]) }
    var config = try settings.resolve(images: images) { display.note($0) }
    config.train.outputDir = output
    if deterministic { config.train.deterministic = true }
    if config.train.precision == .bf16, !TorchRuntime.supportsBFloat16 {
      // Measured on AVX2: the first step had not ended after two minutes, where fp32 takes ten seconds.
      config.train.precision = .fp32
      display.note(
        "train.precision is fp32 in place of bf16: this processor has no instructions for bfloat16")
    }
    if let data { config.train.datasetPath = data }
    if images == nil, config.train.datasetPath != TrainingConfig().train.datasetPath {
      images = try TrainingImages([config.train.datasetPath])
    }
    guard let images else {
      throw UsageError("no images: name them with --data, or in the settings as train.dataset_path")
    }
    return (config, images)
  }
}
