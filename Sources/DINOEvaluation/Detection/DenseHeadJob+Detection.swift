public import DINOData
public import DINOInference
internal import DINOModels
internal import Foundation
internal import Imaging
internal import Torch

extension DenseHeadJob {
  /// Sizes of a detection head; what is nil is chosen by the sizes of the objects.
  public struct DetectionChoice: Sendable, Equatable {
    /// Width of the pyramid.
    public var channels = 96
    /// Convolutions before each prediction.
    public var towerDepth = 1
    /// How often the patch grid is doubled.
    public var finest: Int?
    /// How often the patch grid is halved.
    public var coarsest: Int?

    /// Chooses by the objects.
    public init() {}
  }

  /// Trains an anchor-free detection head.
  ///
  /// - Parameters:
  ///   - data: Images with boxes.
  ///   - choice: The sizes of the head.
  ///   - model: The frozen backbone.
  ///   - services: Who is told and asked.
  /// - Returns: The head; nil if the run was stopped and can go on.
  /// - Throws: `InferenceError` if data, model or settings do not do.
  public func detection(
    _ data: DetectionData, _ choice: DetectionChoice = DetectionChoice(), on model: DINOv2,
    _ services: Services = Services()
  ) async throws(InferenceError) -> Trained? {
    let sizes = try await sizes(of: data, services)
    try report(data, sizes, services)
    let scale = try ObjectScale(data, sizes, patchSize: model.config.patchSize)
    let length = resize ?? scale.length
    let head = HeadPreprocessing(resize: length)
    let preprocessing = try Preprocessing(head)
    var targets: [DenseTarget?] = []
    do throws(ImageError) {
      targets = try zip(data.samples, sizes).map { sample, size throws(ImageError) in
        guard let size else { return nil }
        let view = try DenseView(of: size, preprocessing, patchSize: model.config.patchSize)
        return .boxes(view.targets(sample.objects))
      }
    } catch { throw .image(error) }
    guard
      let features = try await features(
        data.samples.map(\.image), preprocessing, normalize: true, by: model, services)
    else { return nil }
    let usable = data.samples.indices.filter { features.places[$0] != nil && targets[$0] != nil }
    let parts = try parts(usable)
    let config = scale.config(choice, for: model.config, taps: blocks.count, data, length: length)
    services.onEvent(
      .note(
        "shorter side \(length), levels of "
          + DetectionGrid(height: 1, width: 1, config).levels.map { "\(Int($0.stride))" }
          .joined(separator: ", ") + " pixels"))
    let objective: DetectionObjective
    do throws(TorchError) {
      objective = try DetectionObjective(config, settings)
    } catch { throw .torch(error) }
    let examples = try examples(features, targets, parts, by: model) { indices, isRandom, source in
      views(of: data, indices, preprocessing, isRandom, (source, model.config.patchSize))
    }
    guard let chosen = try await train(objective, examples, services) else { return nil }
    let backbone = try await headBackbone(model, examples, normalize: true)
    return try trained(
      objective, chosen, (config, head), data, parts, (backbone, examples.backbone?.model))
  }

  /// The sizes of all images, after a look at their headers; nil for one that is left out.
  private func sizes(
    of data: DetectionData, _ services: Services
  ) async throws(InferenceError) -> [Size?] {
    services.onEvent(.begin("boxes", total: data.samples.count, isSteps: false))
    let counter = EventCounter(services)
    do throws(DataError) {
      let check = try await data.check(
        decoder: decoder, threads: decoders, progress: counter.step
      ) { _, size throws(DataError) in size }
      if !leavesOutBad { try check.demandAll(of: data.place) }
      for line in check.firstProblems { services.onEvent(.warning("left out \(line)")) }
      return check.outputs
    } catch { throw .data(error) }
  }

  /// Says what is odd about the boxes.
  private func report(
    _ data: DetectionData, _ sizes: [Size?], _ services: Services
  ) throws(InferenceError) {
    var counts = [Int](repeating: 0, count: data.categories.count)
    for (sample, size) in zip(data.samples, sizes) where size != nil {
      for object in sample.objects where !object.isCrowd { counts[object.category] += 1 }
    }
    guard counts.contains(where: { $0 > 0 }) else {
      throw .data(.unusable(place: data.place, problem: "has no box to learn from"))
    }
    if data.cutCount > 0 {
      services.onEvent(
        .note("\(data.cutCount) boxes reach beyond their image by more than a pixel and are cut"))
    }
    let missing = counts.indices.filter { counts[$0] == 0 }
    guard !missing.isEmpty else { return }
    let names = missing.prefix(5).map { RawPath(data.categories[$0].name).displayName }
    services.onEvent(
      .warning(
        "\(missing.count) categories have no box and will never be found: "
          + names.joined(separator: ", ") + (missing.count > 5 ? ", …" : "")))
  }

  private func views(
    of data: DetectionData, _ indices: [Int], _ preprocessing: Preprocessing, _ isRandom: Bool,
    _ source: (any TokenSource, patchSize: Int)
  ) -> any DenseExamples {
    let decoder = decoder
    return AugmentedExamples(
      featureJob([], preprocessing, normalize: true), count: indices.count,
      isRandom ? .segmentation : nil, seenBy: source, points: (1, settings.seed)
    ) { index in
      let sample = data.samples[indices[index]]
      return (try sample.image.decode(decoder), .objects(sample.objects))
    }
  }

  private func trained(
    _ objective: DetectionObjective, _ chosen: (best: Int, scores: [Double]),
    _ form: (sizes: DetectionHeadConfig, preprocessing: HeadPreprocessing), _ data: DetectionData,
    _ parts: (train: [Int], heldOut: [Int]),
    _ backbone: (noted: HeadBackbone, tuned: VisionTransformer?)
  ) throws(InferenceError) -> Trained {
    do {
      var config = try HeadConfig(
        .detection, type: HeadConfig.Kind.anchorFree, sizes: form.sizes, backbone: backbone.noted)
      config.classes = data.categories.map(\.name)
      config.preprocessing = form.preprocessing
      var record = record(data.root.lastName, parts, rate: settings.rates[chosen.best])
      let name = parts.heldOut.isEmpty ? "train_AP50" : "held_out_AP50"
      record.metrics = [name: chosen.scores[chosen.best]]
      config.training = record
      return Trained(
        config: config, parameters: try objective.head(chosen.best), backbone: backbone.tuned,
        scores: chosen.scores)
    } catch let error as ModelError {
      throw .model(error)
    } catch let error as TorchError {
      throw .torch(error)
    } catch {
      throw .usage(problem: "\(error)")
    }
  }
}

/// How large the objects of a data set are, and what a head needs for them.
struct ObjectScale {
  /// The sides of objects, as shares of the shorter side of their image; ascending.
  private let shares: [Double]
  /// The median of the images' shorter sides, pixels.
  private let side: Int
  private let patchSize: Int

  /// The longest shorter side that is chosen: that of the released models' training.
  private static let longest = 518
  /// The median object is to span so many patches.
  private static let patches = 2.5
  /// An object spans about so many cells of the level that finds it best.
  private static let cells = 3.0

  /// Measures the objects.
  init(_ data: DetectionData, _ sizes: [Size?], patchSize: Int) throws(InferenceError) {
    var shares: [Double] = []
    var sides: [Int] = []
    for (sample, size) in zip(data.samples, sizes) {
      guard let size else { continue }
      sides.append(size.shorterSide)
      for object in sample.objects where !object.isCrowd {
        guard let box = object.box.clipped(to: size) else { continue }
        shares.append(box.area.squareRoot() / Double(size.shorterSide))
      }
    }
    guard !shares.isEmpty else {
      throw .data(.unusable(place: data.place, problem: "has no box inside an image"))
    }
    self.shares = shares.sorted()
    side = sides.sorted()[sides.count / 2]
    self.patchSize = max(patchSize, 1)
  }

  private func quantile(_ share: Double) -> Double {
    shares[Int((share * Double(shares.count - 1)).rounded())]
  }

  /// Pixels to which the shorter side is resized: the images' own, more if the objects are small.
  var length: Int {
    let wanted = Self.patches * Double(patchSize) / max(quantile(0.5), 1e-3)
    return min(max(side, Int(min(wanted.rounded(), 1e6))), Self.longest)
  }

  /// The sizes of a head.
  ///
  /// The patch grid is doubled if a quarter of the objects span less than one patch and a half; it is halved
  /// until the largest objects span few cells.
  func config(
    _ choice: DenseHeadJob.DetectionChoice, for model: VisionTransformerConfig, taps: Int,
    _ data: DetectionData, length: Int
  ) -> DetectionHeadConfig {
    var config = DetectionHeadConfig(
      embedDim: model.embedDim, taps: taps, patchSize: model.patchSize,
      classes: data.categories.count)
    config.channels = choice.channels
    config.towerDepth = choice.towerDepth
    let scale = Double(length) / Double(patchSize)
    config.finest = choice.finest ?? (quantile(0.25) * scale < 1.5 ? 1 : 0)
    let halvings = log2(max(quantile(0.95) * scale / Self.cells, 1)).rounded(.up)
    config.coarsest = choice.coarsest ?? min(Int(halvings), 3)
    return config
  }
}
