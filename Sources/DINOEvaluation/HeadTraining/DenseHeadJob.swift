internal import CheckpointFormats
internal import DINOData
internal import DINOInference
public import DINOModels
internal import Foundation
public import Imaging
public import Torch

/// Trains a head for segmentation, depth or detection on a backbone, which stands still or learns too.
///
/// Images and targets are checked, features are computed once (or found in the cache), all learning rates
/// are trained at once, and the best on held-out images is the head. A run that was stopped goes on when
/// it is asked for again with the same settings and the same folder.
public struct DenseHeadJob: Sendable {
  /// How the head is trained.
  public var settings = HeadTrainingSettings()
  /// The blocks whose outputs the head takes.
  public var blocks: [Int]
  /// Pixels to which the shorter side is resized; nil for the images' own median, at most 518.
  public var resize: Int?
  /// Whether each step sees random views instead of kept features.
  public var isAugmented = false
  /// How the backbone learns too, with one learning rate for the head; nil leaves it as it is.
  public var fineTuning: FineTuningSettings?
  /// Whether images with problems are left out instead of refused.
  public var leavesOutBad = false
  /// How images are decoded.
  public var decoder = ImageDecoder()
  /// Images per forward pass.
  public var batch = 16
  /// Threads that decode.
  public var decoders = 2
  /// The folder of kept features; nil keeps none.
  public var cache: FeatureCache?
  /// A folder for what an unfinished run leaves, which exists.
  public var workFolder: String

  /// Describes a job.
  ///
  /// - Parameters:
  ///   - blocks: The blocks whose outputs the head takes.
  ///   - workFolder: A folder for what an unfinished run leaves, which exists.
  public init(blocks: [Int], workFolder: String) {
    self.blocks = blocks.sorted()
    self.workFolder = workFolder
  }

  /// What happens, for a display.
  public enum Event: Sendable {
    /// A piece of work begins: what, how much, and whether it counts steps instead of images.
    case begin(String, total: Int, isSteps: Bool)
    /// So much of it is done.
    case done(Int)
    /// The losses of a step, one per learning rate.
    case losses(step: Int, [Double])
    /// Something to know.
    case note(String)
    /// Something to worry about.
    case warning(String)
  }

  /// Who is told and asked while the job runs.
  public struct Services: Sendable {
    /// Called with what happens.
    public var onEvent: @Sendable (Event) -> Void = { _ in }
    /// Asked between steps; true keeps the state and ends the job.
    public var shouldStop: @Sendable () -> Bool = { false }

    /// Tells nobody.
    public init() {}
  }

  /// A head that was trained, not written yet.
  public struct Trained {
    /// What the head is.
    public var config: HeadConfig
    /// Its parameters by name.
    public let parameters: [(name: String, tensor: Tensor)]
    /// The backbone that learnt too, which the head belongs to.
    public let backbone: VisionTransformer?
    /// The held-out score of each learning rate: mIoU, or the root-mean-square error in metres.
    public let scores: [Double]

    /// The number of values in its weights.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.tensor.elementCount } }
  }

  /// The longest side that is chosen without being asked for: that of the released models' training.
  private static let longestResize = 518

  /// The most headers that are read to choose a size.
  private static let sampleCount = 64

  /// The length of the shorter side.
  func length(of samples: [DenseSample]) throws(InferenceError) -> Int {
    if let resize {
      guard (1...65_535).contains(resize) else {
        throw .usage(problem: "--resize is \(resize); expected 1 to 65535")
      }
      return resize
    }
    let step = max(samples.count / Self.sampleCount, 1)
    var sides: [Int] = []
    for index in stride(from: 0, to: samples.count, by: step) {
      // Files that cannot be read are reported by the check.
      if let side = try? samples[index].image.size(decoder).shorterSide { sides.append(side) }
    }
    let median = sides.sorted().dropFirst(sides.count / 2).first
    return min(median ?? Self.longestResize, Self.longestResize)
  }

  /// The images to train on and those to choose on, by their numbers.
  func parts(_ usable: [Int]) throws(InferenceError) -> (train: [Int], heldOut: [Int]) {
    guard usable.count > 1, settings.heldOutShare > 0 else { return (usable, []) }
    do throws(TorchError) {
      let parts = try TrainingSubset.holdOut(
        of: usable.count, share: settings.heldOutShare, seed: settings.seed)
      return (parts.kept.map { usable[$0] }.sorted(), parts.heldOut.map { usable[$0] }.sorted())
    } catch { throw .torch(error) }
  }

  /// Features of all images, with display; nil if the run was stopped.
  func features(
    _ images: [ImageReference], _ preprocessing: Preprocessing, normalize: Bool, by model: DINOv2,
    _ services: Services
  ) async throws(InferenceError) -> DenseFeatures? {
    let job = featureJob(images, preprocessing, normalize: normalize)
    services.onEvent(.begin("features", total: images.count, isSteps: false))
    let features = try await job(with: model, shouldStop: services.shouldStop) {
      services.onEvent(.done($0))
    }
    guard let features else { return nil }
    guard features.failures.isEmpty || leavesOutBad else {
      throw .data(
        .refused(
          path: features.failures[0],
          problem: "\(features.failures.count) images cannot be decoded; mend or remove them, or "
            + "pass --leave-out-bad"))
    }
    for line in features.failures.prefix(3) { services.onEvent(.warning("left out \(line)")) }
    if features.isCached { services.onEvent(.note("features from the cache")) }
    return features
  }

  func featureJob(
    _ images: [ImageReference], _ preprocessing: Preprocessing, normalize: Bool
  ) -> DenseFeatureJob {
    var job = DenseFeatureJob(
      images, preprocessing, blocks: blocks, normalize: normalize,
      workFolder: workFolder)
    job.decoder = decoder
    job.batch = batch
    job.decoders = decoders
    job.cache = cache
    return job
  }

  /// What a head is trained with and chosen on.
  struct Examples {
    let train: any DenseExamples
    let heldOut: any DenseExamples
    /// The backbone behind them, if it learns too.
    let backbone: FineTunedBackbone?
  }

  /// Kept features, or views that the backbone sees anew in each step.
  ///
  /// - Parameters:
  ///   - kept: All images.
  ///   - targets: What is known of each.
  ///   - parts: The images to train on and those to choose on.
  ///   - model: The backbone.
  ///   - anew: Views of images: their numbers, whether the views are random, and the backbone.
  /// - Returns: The examples.
  /// - Throws: `InferenceError` if the backbone cannot be copied.
  func examples(
    _ kept: DenseFeatures, _ targets: [DenseTarget?], _ parts: (train: [Int], heldOut: [Int]),
    by model: DINOv2,
    anew: (_ indices: [Int], _ isRandom: Bool, _ source: any TokenSource) -> any DenseExamples
  ) throws(InferenceError) -> Examples {
    guard let fineTuning else {
      return Examples(
        train: isAugmented
          ? anew(parts.train, true, model)
          : CachedExamples(kept, targets: targets, parts.train),
        heldOut: CachedExamples(kept, targets: targets, parts.heldOut), backbone: nil)
    }
    guard settings.rates.count == 1 else {
      throw .usage(
        problem: "a backbone that learns too has one learning rate of its head; "
          + "\(settings.rates.count) were given")
    }
    let copy = try model.separateModel()
    let backbone: FineTunedBackbone
    do throws(TorchError) { backbone = try FineTunedBackbone(copy, fineTuning) } catch {
      throw .torch(error)
    }
    return Examples(
      train: anew(parts.train, isAugmented, backbone),
      heldOut: anew(parts.heldOut, false, backbone), backbone: backbone)
  }

  /// What a head folder notes about the backbone, once that has learnt.
  func headBackbone(
    _ model: DINOv2, _ examples: Examples, normalize: Bool
  ) async throws(InferenceError) -> HeadBackbone {
    guard let tuned = examples.backbone else {
      return try await model.headBackbone(blocks: blocks, normalize: normalize)
    }
    do throws(TorchError) {
      return HeadBackbone(
        name: HeadFolder.backboneName, model.config, fingerprint: try tuned.model.fingerprint(),
        blocks: blocks, normalize: normalize)
    } catch { throw .torch(error) }
  }

  /// Runs the trainer with display; nil if the run was stopped.
  func train(
    _ objective: any HeadObjective, _ examples: Examples, _ services: Services
  ) async throws(InferenceError) -> (best: Int, scores: [Double])? {
    var trainer = HeadTrainer(
      settings, objective, train: examples.train, heldOut: examples.heldOut,
      statePath: workFolder + "/state.safetensors")
    trainer.backbone = examples.backbone
    services.onEvent(.begin("training", total: settings.steps, isSteps: true))
    let outcome = try await trainer(shouldStop: services.shouldStop) { step, losses in
      services.onEvent(.done(step))
      services.onEvent(.losses(step: step, losses))
    }
    guard case .finished(let best, let scores) = outcome else { return nil }
    return (best, scores)
  }

  /// What the folder says about the training.
  func record(
    _ data: String, _ parts: (train: [Int], heldOut: [Int]), rate: Double
  ) -> HeadTraining {
    var record = HeadTraining(data: data, seed: settings.seed)
    record.images = parts.train.count
    record.heldOut = parts.heldOut.count
    record.steps = settings.steps
    record.batch = min(settings.batch, max(parts.train.count, 1))
    record.learningRate = rate
    return record
  }
}
