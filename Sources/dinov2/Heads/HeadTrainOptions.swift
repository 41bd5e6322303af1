import ArgumentParser
import DINOEvaluation
import DINOInference
import DINOModels
import Foundation
import Imaging

/// What training any head needs.
struct HeadOutputOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "The head folder.", completion: .directory)
  var output: String

  @Option(help: "The type of the head's numbers in its file.")
  var dtype = ModelsConvert.Number.float32

  @Flag(help: "Replace a head that is there, and begin anew.")
  var overwrite = false

  @OptionGroup var loading: LoadingOptions

  @Option(
    help: "The folder of kept features; the user's cache if left out.", completion: .directory)
  var cache: String?

  @Flag(help: "Keep no features and use none.")
  var noCache = false

  @Option(help: "The seed of every random draw.")
  var seed: UInt64 = 0

  @Flag(help: "Print one JSON object per event to standard output.")
  var json = false

  /// The folder of kept features.
  var featureCache: FeatureCache? {
    guard !noCache else { return nil }
    return cache.map { FeatureCache(folder: $0) }
      ?? .standard(ProcessInfo.processInfo.environment)
  }
}

/// What training a head for each pixel needs.
struct DenseTrainOptions: ParsableArguments {
  @Option(help: "The part to train on.")
  var split = "train"

  @Option(help: "The part to measure the finished head on; none to leave that out.")
  var valSplit = "val"

  @Option(
    help: """
      The blocks that the head takes, from the end: 1 or 4. Of 4, depth takes the released choice \
      spread over the depth, segmentation the last ones.
      """)
  var blocks: Int?

  @Option(
    help: ArgumentHelp(
      "Pixels to which the shorter side is resized; the images' median, at most 518, if left out.",
      valueName: "pixels"))
  var resize: Int?

  @Option(help: "Steps; chosen by the number of images if left out.")
  var steps: Int?

  @Option(help: "Images of a step; 16, for detection 8, if left out.")
  var trainBatch: Int?

  @Option(parsing: .upToNextOption, help: "Learning rates that are tried at once.")
  var rates: [Double] = []

  @Option(help: "Decoupled weight decay.")
  var weightDecay: Double?

  @Option(
    help: "The share of the images that the learning rate is chosen on; 0.1 if several are tried.")
  var heldOut: Double?

  @Flag(help: "Random views in each step: mirrored, coloured, cut out; no features are kept.")
  var augment = false

  @Flag(
    help: """
      Let the backbone learn too, once the head has learned alone; it is kept in the head's folder.
      """)
  var fineTune = false

  @Option(help: "The learning rate of the backbone's last block with --fine-tune.")
  var backboneRate = FineTuningSettings().rate

  @Flag(help: "Leave out images with problems instead of refusing the data set.")
  var leaveOutBad = false

  func validate() throws {
    guard blocks.map({ [1, 4].contains($0) }) ?? true else {
      throw ValidationError("--blocks is \(blocks ?? 0); expected 1 or 4.")
    }
    guard (1...65_535).contains(resize ?? 14) else {
      throw ValidationError("--resize is \(resize ?? 0); expected 1 to 65535.")
    }
    guard (1...10_000_000).contains(steps ?? 1), (1...65_536).contains(trainBatch ?? 1) else {
      throw ValidationError("--steps must be 1 to 10000000, --train-batch 1 to 65536.")
    }
    guard rates.allSatisfy({ $0 > 0 && $0.isFinite }), rates.count <= 64,
      Set(rates).count == rates.count
    else {
      throw ValidationError("--rates must be at most 64 different numbers above 0.")
    }
    guard !fineTune || rates.count <= 1 else {
      throw ValidationError("--fine-tune takes a single one of --rates.")
    }
    guard backboneRate > 0, backboneRate.isFinite else {
      throw ValidationError("--backbone-rate is \(backboneRate); expected above 0.")
    }
    guard weightDecay ?? 0 >= 0, (weightDecay ?? 0).isFinite else {
      throw ValidationError("--weight-decay must not be negative.")
    }
    guard (0..<1).contains(heldOut ?? 0) else {
      throw ValidationError("--held-out is \(heldOut ?? 0); expected 0 to below 1.")
    }
  }

  /// What holds where no option says otherwise.
  struct Standard {
    let blocks: Int
    let rates: [Double]
    let weightDecay: Double
    var trainBatch = 16
    /// How often all images are seen.
    var passes = 40
    var heldOut = 0.1
  }

  /// The job that the options make, without its folder.
  func job(
    _ standard: Standard, samples: Int, for model: DINOv2, _ output: HeadOutputOptions,
    spread: Bool, workFolder: String
  ) throws -> DenseHeadJob {
    let depth = model.config.depth
    let count = min(blocks ?? standard.blocks, depth)
    let selection: LayerSelection =
      spread && count == 4 ? .fourTaps(ofDepth: depth) : .last(count)
    var job = DenseHeadJob(
      blocks: Array(try selection.indices(ofDepth: depth)), workFolder: workFolder)
    job.settings.rates = rates.isEmpty ? standard.rates : rates
    if fineTune {
      if rates.isEmpty { job.settings.rates = [standard.rates[standard.rates.count / 2]] }
      var settings = FineTuningSettings()
      settings.rate = backboneRate
      job.fineTuning = settings
    }
    job.settings.weightDecay = weightDecay ?? standard.weightDecay
    job.settings.batch = trainBatch ?? standard.trainBatch
    job.settings.steps =
      steps ?? Self.steps(samples: samples, batch: job.settings.batch, passes: standard.passes)
    // One rate needs no choice, so that all images can be learned from.
    job.settings.heldOutShare = heldOut ?? (job.settings.rates.count > 1 ? standard.heldOut : 0)
    job.settings.seed = output.seed
    job.resize = resize
    job.isAugmented = augment
    job.leavesOutBad = leaveOutBad
    job.batch = output.loading.batch
    job.decoders = output.loading.decoders
    job.cache = output.featureCache
    return job
  }

  /// So many passes, within bounds: fewer steps do not settle, more gain nothing on few images.
  private static func steps(samples: Int, batch: Int, passes: Int) -> Int {
    min(max(passes * samples / max(batch, 1), 300), 20_000)
  }
}
