public import DINOData
public import DINOInference
internal import DINOModels
internal import Foundation
internal import Imaging
internal import Torch

extension DenseHeadJob {
  /// Which depth head is trained.
  public struct DepthChoice: Sendable, Equatable {
    /// The largest depth, metres; nil for the layout's custom, else a tenth above what is found.
    public var maxDepth: Double?
    /// Width of the maps that a ``DPTDepthHead`` fuses; nil trains a ``LinearDepthHead``.
    public var dptChannels: Int?

    /// A linear head for what is found.
    public init() {}
  }

  /// The name of the median depth of the training images among the metrics of a head's record.
  public static let medianName = "train_median_depth"

  /// The smallest depth of the released heads, metres.
  private static let minDepth = 0.001

  /// Points per patch and axis at which the loss is taken.
  private static func scale(_ choice: DepthChoice) -> Int { choice.dptChannels == nil ? 2 : 4 }

  /// Trains a depth head.
  ///
  /// - Parameters:
  ///   - data: Images with depth maps.
  ///   - choice: Which head.
  ///   - model: The frozen backbone.
  ///   - services: Who is told and asked.
  /// - Returns: The head; nil if the run was stopped and can go on.
  /// - Throws: `InferenceError` if data, model or settings do not do.
  public func depth(
    _ data: DepthData, _ choice: DepthChoice = DepthChoice(), on model: DINOv2,
    _ services: Services = Services()
  ) async throws(InferenceError) -> Trained? {
    guard choice.dptChannels == nil || blocks.count == 4 else {
      throw .usage(problem: "a DPT head takes 4 blocks; \(blocks.count) were chosen")
    }
    let head = HeadPreprocessing(resize: try length(of: data.samples))
    let preprocessing = try Preprocessing(head)
    let check = try await targets(data, preprocessing, Self.scale(choice), model, services)
    let (largest, median) = try depths(check.outputs, data, choice, services)

    guard
      let features = try await features(
        data.samples.map(\.image), preprocessing, normalize: false, by: model, services)
    else { return nil }
    let usable = data.samples.indices.filter {
      features.places[$0] != nil && check.outputs[$0] != nil
    }
    let parts = try parts(usable)
    // Beyond the largest depth nothing is known: heads cannot say more.
    let outputs = check.outputs.map { $0?.limited(to: largest) }
    let examples = try examples(features, outputs, parts, by: model) { indices, isRandom, source in
      views(of: data, indices, preprocessing, choice, isRandom, (source, model.config.patchSize))
    }
    let range = Self.minDepth...largest
    do {
      let (objective, make) = try objective(
        choice, features, parts.train, range: range, width: model.config.embedDim)
      guard let chosen = try await train(objective, examples, services) else { return nil }
      let backbone = try await headBackbone(model, examples, normalize: false)
      var (config, parameters) = try make(chosen.best, backbone)
      config.preprocessing = head
      var record = record(data.root.lastName, parts, rate: settings.rates[chosen.best])
      record.metrics = [
        parts.heldOut.isEmpty ? "train_rmse" : "held_out_rmse": -chosen.scores[chosen.best],
        Self.medianName: median,
      ]
      config.training = record
      return Trained(
        config: config, parameters: parameters, backbone: examples.backbone?.model,
        scores: chosen.scores.map { -$0 })
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
    _ choice: DepthChoice, _ features: DenseFeatures, _ train: [Int], range: ClosedRange<Double>,
    width: Int
  ) throws -> (
    objective: any HeadObjective,
    make: (_ best: Int, HeadBackbone) throws -> (HeadConfig, [(name: String, tensor: Tensor)])
  ) {
    guard let channels = choice.dptChannels else {
      let linear = try LinearDepthObjective(
        features, train, range: range, scale: Self.scale(choice), settings)
      return (
        linear,
        { best, backbone in
          let (sizes, parameters) = try linear.head(best)
          return (
            try HeadConfig(.depth, type: HeadConfig.Kind.linear, sizes: sizes, backbone: backbone),
            parameters
          )
        }
      )
    }
    var config = DPTDepthHeadConfig(embedDim: width)
    (config.channels, config.minDepth, config.maxDepth) = (
      channels, range.lowerBound, range.upperBound
    )
    let dpt = try DPTDepthObjective(config, scale: Self.scale(choice), settings)
    return (
      dpt,
      { best, backbone in
        let (sizes, parameters) = try dpt.head(best)
        return (
          try HeadConfig(.depth, type: HeadConfig.Kind.dpt, sizes: sizes, backbone: backbone),
          parameters
        )
      }
    )
  }

  private func targets(
    _ data: DepthData, _ preprocessing: Preprocessing, _ scale: Int, _ model: DINOv2,
    _ services: Services
  ) async throws(InferenceError) -> DenseCheck<DenseTarget> {
    let patch = model.config.patchSize
    services.onEvent(.begin("depth maps", total: data.samples.count, isSteps: false))
    do throws(DataError) {
      let counter = EventCounter(services)
      let check = try await data.check(
        decoder: decoder, threads: decoders, progress: counter.step
      ) { map throws(DataError) in
        do throws(ImageError) {
          let view = try DenseView(of: map.size, preprocessing, patchSize: patch)
          return DenseTarget(map, seen: view, scale: scale)
        } catch { throw DataError(error, path: data.root.displayName) }
      }
      if !leavesOutBad {
        try check.demandAll(of: "\(data.root.displayName), \(data.split)")
      }
      for line in check.firstProblems { services.onEvent(.warning("left out \(line)")) }
      return check
    } catch { throw .data(error) }
  }

  private func views(
    of data: DepthData, _ indices: [Int], _ preprocessing: Preprocessing, _ choice: DepthChoice,
    _ isRandom: Bool, _ source: (any TokenSource, patchSize: Int)
  ) -> any DenseExamples {
    let decoder = decoder
    return AugmentedExamples(
      featureJob([], preprocessing, normalize: false), count: indices.count,
      isRandom ? .depth : nil, seenBy: source, points: (Self.scale(choice), settings.seed)
    ) { index in
      let sample = data.samples[indices[index]]
      let image = try sample.image.decode(decoder)
      return (image, .depth(try data.depth(of: sample, size: image.size, decoder: decoder)))
    }
  }

  /// The largest depth of the head and the median of all, and a word on depths that look wrong.
  private func depths(
    _ targets: [DenseTarget?], _ data: DepthData, _ choice: DepthChoice, _ services: Services
  ) throws(InferenceError) -> (largest: Double, median: Double) {
    var known: [Float] = []
    for case .depth(let metres)? in targets { known += metres.filter { $0 > 0 } }
    known.sort()
    guard let last = known.last else {
      throw .data(
        .unusable(
          place: data.root.displayName,
          problem: "no pixel of part \(data.split) has a known depth; 0 and 65535 mean unknown"))
    }
    let median = Double(known[known.count / 2])
    if let doubt = data.doubts(median: median) {
      services.onEvent(.warning(doubt))
    }
    let largest = choice.maxDepth ?? data.layout.customaryMaximum ?? Double(last) * 1.1
    guard largest > 2 * Self.minDepth, largest.isFinite else {
      throw .usage(problem: "a largest depth of \(largest) m; expected above \(2 * Self.minDepth)")
    }
    let beyond = known.count { Double($0) > largest }
    if beyond > 0 {
      let share = String(format: "%.2f", 100 * Double(beyond) / Double(known.count))
      services.onEvent(
        .note("\(share) % of the known pixels lie beyond \(largest) m and are not trained on"))
    }
    return (largest, median)
  }
}

extension DenseTarget {
  /// The target without depths beyond a limit.
  fileprivate func limited(to largest: Double) -> DenseTarget {
    guard case .depth(let metres) = self else { return self }
    return .depth(metres.map { Double($0) > largest ? 0 : $0 })
  }
}
