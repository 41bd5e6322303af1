public import DINOData
public import DINOInference
internal import DINOModels
internal import Imaging
internal import Synchronization
internal import Torch

extension DenseHeadJob {
  /// Points per patch and axis at which the cross-entropy is taken.
  private static let segmentationScale = 4

  /// Which segmentation head is trained.
  public struct SegmentationChoice: Sendable, Equatable {
    /// The sizes of a ``MaskSegmentationHead``.
    public struct Masks: Sendable, Equatable {
      /// Width of queries, tokens and pixel embeddings.
      public var channels = 128
      /// The number of decoder layers.
      public var layers = 3
      /// The number of queries; nil for the customary one.
      public var queries: Int?

      /// The sizes that are used where nothing else is said.
      public init() {}
    }

    /// The sizes of a ``MaskSegmentationHead``; nil trains a ``LinearSegmentationHead``.
    public var masks: Masks?

    /// A linear head.
    public init() {}
  }

  /// Trains a segmentation head.
  ///
  /// - Parameters:
  ///   - data: Images with masks.
  ///   - choice: Which head.
  ///   - model: The frozen backbone.
  ///   - services: Who is told and asked.
  /// - Returns: The head; nil if the run was stopped and can go on.
  /// - Throws: `InferenceError` if data, model or settings do not do.
  public func segmentation(
    _ data: SegmentationData, _ choice: SegmentationChoice = SegmentationChoice(),
    on model: DINOv2, _ services: Services = Services()
  ) async throws(InferenceError) -> Trained? {
    let classes = data.classNames.count
    if let queries = choice.masks?.queries, queries < classes {
      throw .usage(
        problem: "--queries is \(queries); a mask head needs a query for each of \(classes) classes"
      )
    }
    var head = HeadPreprocessing(resize: try length(of: data.samples))
    head.paddingRemoval = .crop
    let preprocessing = try Preprocessing(head)
    let check = try await masks(data, preprocessing, model.config.patchSize, services)
    try report(check, data, services)

    guard
      let features = try await features(
        data.samples.map(\.image), preprocessing, normalize: true, by: model, services)
    else { return nil }
    let usable = data.samples.indices.filter {
      features.places[$0] != nil && check.outputs[$0] != nil
    }
    let parts = try parts(usable)
    let examples = try examples(features, check.outputs, parts, by: model) {
      indices, isRandom, source in
      views(of: data, indices, preprocessing, isRandom, (source, model.config.patchSize))
    }
    do {
      let (objective, make) = try objective(
        choice, features, parts.train, classes: classes)
      guard let chosen = try await train(objective, examples, services) else { return nil }
      var (config, parameters) = try make(
        chosen.best, await headBackbone(model, examples, normalize: true))
      config.classes = data.classNames
      config.preprocessing = head
      var record = record(data.root.lastName, parts, rate: settings.rates[chosen.best])
      let name = parts.heldOut.isEmpty ? "train_mIoU" : "held_out_mIoU"
      record.metrics = [name: chosen.scores[chosen.best]]
      config.training = record
      return Trained(
        config: config, parameters: parameters, backbone: examples.backbone?.model,
        scores: chosen.scores)
    } catch let error as InferenceError {
      throw error
    } catch let error as ModelError {
      throw .model(error)
    } catch let error as TorchError {
      throw .torch(error)
    } catch {
      throw .usage(problem: "\(error)")
    }
  }

  /// What learns, and what makes a head of its best candidate.
  private func objective(
    _ choice: SegmentationChoice, _ features: DenseFeatures, _ train: [Int], classes: Int
  ) throws -> (
    objective: any HeadObjective,
    make: (_ best: Int, HeadBackbone) throws -> (HeadConfig, [(name: String, tensor: Tensor)])
  ) {
    let scale = Self.segmentationScale
    guard let masks = choice.masks else {
      let linear = try SegmentationObjective(
        features, train, classes: classes, scale: scale, settings)
      return (
        linear,
        { best, backbone in
          let (sizes, parameters) = try linear.head(best, steps: settings.steps)
          return (
            try HeadConfig(
              .segmentation, type: HeadConfig.Kind.linear, sizes: sizes, backbone: backbone),
            parameters
          )
        }
      )
    }
    var config = MaskSegmentationHeadConfig(
      embedDim: features.embedDim, taps: features.blocks, classes: classes)
    (config.channels, config.layers) = (masks.channels, masks.layers)
    config.queries = masks.queries ?? config.queries
    if let problem = config.problem { throw InferenceError.usage(problem: problem) }
    let objective = try MaskSegmentationObjective(config, features, train, scale: scale, settings)
    return (
      objective,
      { best, backbone in
        let (sizes, parameters) = try objective.head(best)
        return (
          try HeadConfig(
            .segmentation, type: HeadConfig.Kind.mask, sizes: sizes, backbone: backbone),
          parameters
        )
      }
    )
  }

  /// The targets of all images.
  private func masks(
    _ data: SegmentationData, _ preprocessing: Preprocessing, _ patch: Int, _ services: Services
  ) async throws(InferenceError) -> DenseCheck<DenseTarget> {
    let scale = Self.segmentationScale
    services.onEvent(.begin("masks", total: data.samples.count, isSteps: false))
    let check: DenseCheck<DenseTarget>
    do throws(DataError) {
      let counter = EventCounter(services)
      check = try await data.check(
        decoder: decoder, threads: decoders, progress: counter.step
      ) { labels throws(DataError) in
        do throws(ImageError) {
          let view = try DenseView(of: labels.size, preprocessing, patchSize: patch)
          return DenseTarget(labels, seen: view, scale: scale)
        } catch { throw DataError(error, path: data.root.displayName) }
      }
      if !leavesOutBad {
        try check.demandAll(of: "\(data.root.displayName), \(data.split)")
      }
    } catch { throw .data(error) }
    for line in check.firstProblems { services.onEvent(.warning("left out \(line)")) }
    return check
  }

  private func views(
    of data: SegmentationData, _ indices: [Int], _ preprocessing: Preprocessing, _ isRandom: Bool,
    _ source: (any TokenSource, patchSize: Int)
  ) -> any DenseExamples {
    let decoder = decoder
    return AugmentedExamples(
      featureJob([], preprocessing, normalize: true), count: indices.count,
      isRandom ? .segmentation : nil, seenBy: source,
      points: (Self.segmentationScale, settings.seed)
    ) { index in
      let sample = data.samples[indices[index]]
      let image = try sample.image.decode(decoder)
      return (image, .labels(try data.labels(of: sample, size: image.size, decoder: decoder)))
    }
  }

  /// Says which classes the training images lack.
  private func report(
    _ check: DenseCheck<DenseTarget>, _ data: SegmentationData, _ services: Services
  ) throws(InferenceError) {
    var seen = [Bool](repeating: false, count: data.classNames.count)
    for case .labels(let labels)? in check.outputs {
      for label in labels where seen.indices.contains(Int(label)) { seen[Int(label)] = true }
    }
    let missing = seen.indices.filter { !seen[$0] && !data.ignoredClasses.contains($0) }
    guard missing.count < seen.count else {
      throw .data(
        .unusable(
          place: data.root.displayName,
          problem: "no pixel of part \(data.split) has a class that counts"))
    }
    guard !missing.isEmpty else { return }
    let names = missing.prefix(5).map { RawPath(data.classNames[$0]).displayName }
    services.onEvent(
      .warning(
        "\(missing.count) classes occur in no training image and will never be found: "
          + names.joined(separator: ", ") + (missing.count > 5 ? ", …" : "")))
  }
}

extension RawPath {
  /// The last part, printable: how cards call a data set.
  var lastName: String { RawPath(bytes: lastComponent).displayName }
}

/// Counts up from several threads and tells the count.
package final class EventCounter: Sendable {
  private let services: DenseHeadJob.Services
  private let count = Mutex(0)

  /// Begins at 0.
  package init(_ services: DenseHeadJob.Services) { self.services = services }

  /// Counts one thing as done.
  package func step() { advance(by: 1) }

  /// Counts things as done.
  package func advance(by number: Int) {
    let done = count.withLock { count in
      count += number
      return count
    }
    services.onEvent(.done(done))
  }
}
