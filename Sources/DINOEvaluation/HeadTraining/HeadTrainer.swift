internal import CheckpointFormats
internal import DINOData
package import DINOInference
internal import DINOModels
internal import Foundation
package import Torch

/// How a head is trained.
public struct HeadTrainingSettings: Sendable, Equatable {
  /// Steps of the optimiser.
  public var steps = 1000
  /// Images of a step.
  public var batch = 16
  /// The learning rates that are tried at once.
  public var rates = [1e-3]
  /// The decoupled weight decay.
  public var weightDecay = 1e-4
  /// The share of the steps in which the learning rate rises; then it falls to 0 in a line.
  public var warmup = 0.05
  /// The share of the images that the learning rate is chosen on.
  public var heldOutShare = 0.1
  /// The seed of every random draw.
  public var seed: UInt64 = 0

  /// Creates settings.
  public init() {}

  /// The share of the learning rate at a step, from 0.
  ///
  /// Source: the `poly` schedule of power 1 of the released segmentation heads.
  func share(at step: Int) -> Double {
    let rising = max(Int(warmup * Double(steps)), 1)
    if step < rising { return Double(step + 1) / Double(rising) }
    return Double(steps - step) / Double(max(steps - rising, 1))
  }
}

/// Heads that differ in their learning rate, and what they are trained and chosen by.
package protocol HeadObjective: AnyObject {
  /// What decides the result besides the settings, one line.
  var summary: String { get }
  /// All parameters of all candidates.
  var parameters: ParameterStore { get }
  /// The parameters of each candidate, in the order of the learning rates.
  var candidates: [[Parameter]] { get }
  /// The largest norm of a candidate's gradient; nil for no limit.
  var largestGradient: Double? { get }

  /// Adds the gradients of a batch.
  ///
  /// - Returns: The loss of each candidate.
  /// - Throws: `TorchError` if a shape does not fit.
  func accumulate(_ examples: [DenseExample], step: Int) throws(TorchError) -> [Double]

  /// Begins to measure.
  func beginScore()

  /// Measures the candidates on further examples.
  ///
  /// - Throws: `TorchError` if a shape does not fit.
  func addScore(_ examples: [DenseExample]) throws(TorchError)

  /// How good each candidate is, larger is better; NaN if nothing could be measured.
  var scores: [Double] { get }
}

/// Trains the candidates of an objective, keeps its state, and chooses the best.
///
/// The images of a step are a function of seed and step, so that a run that was stopped and goes on ends
/// with the same bits.
package struct HeadTrainer {
  /// What became of a training.
  package enum Outcome: Sendable {
    /// It ended; the best candidate and how good each is.
    case finished(best: Int, scores: [Double])
    /// It was stopped after so many steps and can go on.
    case stopped(step: Int)
  }

  package let settings: HeadTrainingSettings
  package let objective: any HeadObjective
  /// Images to train on.
  package let train: any DenseExamples
  /// Images to choose on; may be none.
  package let heldOut: any DenseExamples
  /// The file of the state.
  package let statePath: String
  /// The backbone that the examples come from, if it learns too.
  package var backbone: FineTunedBackbone?

  /// Puts a training together.
  package init(
    _ settings: HeadTrainingSettings, _ objective: any HeadObjective,
    train: any DenseExamples, heldOut: any DenseExamples, statePath: String
  ) {
    self.settings = settings
    self.objective = objective
    self.train = train
    self.heldOut = heldOut
    self.statePath = statePath
  }

  /// Everything that a state must agree with.
  private var summary: String {
    "\(objective.summary) | \(settings) | \(train.count) + \(heldOut.count) images"
      + (backbone.map { " | \($0.settings)" } ?? "")
  }

  /// Trains, going on where an earlier run was stopped.
  ///
  /// - Parameters:
  ///   - shouldStop: Asked after each step.
  ///   - progress: Called after each step with the number of steps and the losses.
  /// - Returns: What became of it.
  /// - Throws: `InferenceError`; `TorchError` of kind `nonFinite` never: a candidate whose loss is no
  ///   number loses the choice.
  package func callAsFunction(
    shouldStop: () -> Bool = { false }, progress: (Int, [Double]) -> Void = { _, _ in }
  ) async throws(InferenceError) -> Outcome {
    guard train.count > 0, settings.steps > 0, settings.batch > 0 else {
      throw .usage(problem: "\(train.count) images, \(settings.steps) steps: nothing to train")
    }
    var groups: [ParameterGroup] = []
    for parameters in objective.candidates {
      groups.append(ParameterGroup(parameters, weightDecay: settings.weightDecay))
    }
    let tuned = backbone?.groups(weightDecay: settings.weightDecay) ?? []
    groups += tuned.map(\.group)
    let backboneShares = tuned.map(\.share)
    let optimizer = try Self.attempt { () throws(TorchError) in try AdamW(groups) }
    var step = try restore(optimizer)
    var order = StepOrder(count: train.count, batch: settings.batch, seed: settings.seed)
    var lastSave = ContinuousClock.now
    if step > 0 { progress(step, []) }
    while step < settings.steps {
      let examples = try await train.examples(order.images(at: step), step: step)
      let losses = try Self.attempt { () throws(TorchError) in
        try take(step, examples, optimizer, backboneShares)
      }
      step += 1
      progress(step, losses)
      let stops = shouldStop() && step < settings.steps
      guard stops || ContinuousClock.now - lastSave > .seconds(10) else { continue }
      try save(optimizer, step: step)
      lastSave = ContinuousClock.now
      if stops { return .stopped(step: step) }
    }
    return try await choose()
  }

  private func take(
    _ step: Int, _ examples: [DenseExample], _ optimizer: AdamW, _ backboneShares: [Double]
  ) throws(TorchError) -> [Double] {
    guard !examples.isEmpty else { return [] }
    optimizer.clearGradients()
    let losses = try objective.accumulate(examples, step: step)
    if let backbone {
      let share = backbone.settings.share(at: step, of: settings.steps)
      if share > 0 { try backbone.propagate() } else { backbone.forget() }
      for (index, own) in backboneShares.enumerated() {
        optimizer.groups[settings.rates.count + index].learningRate =
          backbone.settings.rate * share * own
      }
    }
    let share = settings.share(at: step)
    for index in settings.rates.indices {
      let gradients = optimizer.groups[index].parameters.compactMap(\.value.grad)
      optimizer.groups[index].learningRate = settings.rates[index] * share
      guard let limit = objective.largestGradient else { continue }
      let norm = try TensorList(gradients).norms().norm(dim: 0).item()
      if norm > limit { try TensorList(gradients).multiply(inPlace: limit / norm) }
    }
    try optimizer.step()
    return losses
  }

  /// Measures all candidates on the images that were held out, or on the training images.
  private func choose() async throws(InferenceError) -> Outcome {
    let images: any DenseExamples = heldOut.count > 0 ? heldOut : train
    objective.beginScore()
    backbone?.isLearning = false
    for start in stride(from: 0, to: images.count, by: settings.batch) {
      let part = Array(start..<min(start + settings.batch, images.count))
      let examples = try await images.examples(part, step: settings.steps)
      try Self.attempt { () throws(TorchError) in
        try withoutGradient { () throws(TorchError) in try objective.addScore(examples) }
      }
    }
    let scores = objective.scores
    var best: Int?
    for (index, score) in scores.enumerated() where !score.isNaN {
      if best.map({ score > scores[$0] }) ?? true { best = index }
    }
    guard let best else {
      throw .usage(
        problem:
          "no learning rate of \(settings.rates) gave a head that can be measured; the images "
          + "that are held out may have no known pixel, or the rates are too large")
    }
    return .finished(best: best, scores: scores)
  }

  // MARK: - State

  /// Everything that learns, by its name in the state.
  private var learned: [(name: String, parameter: Parameter)] {
    objective.parameters.parameters.map { ($0.name, $0) }
      + (backbone?.model.parameters.parameters ?? []).map { ("backbone.\($0.name)", $0) }
  }

  private func save(_ optimizer: AdamW, step: Int) throws(InferenceError) {
    do {
      var tensors: [(name: String, tensor: StoredTensor)] = []
      for (name, parameter) in learned {
        tensors.append((name, try StoredTensor(sharing: parameter.value)))
      }
      for (name, tensor) in optimizer.state {
        tensors.append(("optimizer.\(name)", try StoredTensor(sharing: tensor)))
      }
      try Safetensors.write(
        tensors, metadata: ["format": "pt", "step": "\(step)", "settings": summary], to: statePath)
    } catch { throw .output(path: statePath, problem: "\(error)") }
  }

  /// Takes over the state of an earlier run; the number of its steps, or 0.
  private func restore(_ optimizer: AdamW) throws(InferenceError) -> Int {
    guard FileManager.default.fileExists(atPath: statePath) else { return 0 }
    let checkpoint: Checkpoint
    do { checkpoint = try Checkpoint.read(statePath) } catch {
      throw .model(.checkpoint(error))
    }
    guard checkpoint.metadata["settings"] == summary, let text = checkpoint.metadata["step"],
      let step = Int(text), (0...settings.steps).contains(step)
    else {
      throw .usage(
        problem:
          "\(statePath) is the state of a training with other settings or other data: repeat "
          + "the command that it was begun with, or pass --overwrite to begin anew")
    }
    do throws(TorchError) {
      var values: [String: Tensor] = [:]
      var state: [String: Tensor] = [:]
      for (name, stored) in checkpoint.tensors {
        let tensor = try Tensor(stored).clone()
        if name.hasPrefix("optimizer.") {
          state[String(name.dropFirst(10))] = tensor
        } else {
          values[name] = tensor
        }
      }
      try withoutGradient { () throws(TorchError) in
        for (name, parameter) in learned {
          guard let value = values[name], value.shape == parameter.value.shape else {
            throw TorchError("restore", "\(name) is missing in \(statePath)")
          }
          try parameter.value.copy(from: value)
        }
      }
      try optimizer.restore(state)
    } catch { throw .torch(error) }
    return step
  }

  private static func attempt<Result>(
    _ body: () throws(TorchError) -> Result
  ) throws(InferenceError) -> Result {
    do { return try body() } catch { throw .torch(error) }
  }
}

/// Which images a step takes: pass after pass, each in an order of its own.
struct StepOrder {
  private let count: Int
  private let batch: Int
  private let seed: UInt64
  private var pass: (number: Int, order: [Int])?

  init(count: Int, batch: Int, seed: UInt64) {
    self.count = count
    self.batch = min(batch, count)
    self.seed = seed
  }

  mutating func images(at step: Int) -> [Int] {
    (step * batch..<(step + 1) * batch).map { position in
      let (number, place) = position.quotientAndRemainder(dividingBy: count)
      if pass?.number != number {
        var random = ViewRandom(seed: seed, .order, number)
        pass = (number, random.order(count))
      }
      return pass?.order[place] ?? 0
    }
  }
}
