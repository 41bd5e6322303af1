internal import CheckpointFormats
internal import DINOModels
internal import Torch

/// What a checkpoint holds beside tensors.
struct TrainerState: Codable, Sendable {
  /// The number of iterations that are done.
  var iteration = 0
  /// The hash of everything in the configuration that changes the mathematics.
  var configHash = ""
  /// The configuration, to name what has changed.
  var config = TrainingConfig()
  /// What was decided about losses that are no numbers.
  var nonFinite = NonFiniteGuard()
  /// The watch over collapse.
  var collapse = CollapseMonitor()
  /// A rolling hash over the images that were seen, in order.
  var order: UInt64 = 0
  /// The images that could not be used, as positions in the data set.
  var badImages: [Int] = []
  /// Whether a request to stop interrupted the evaluation of this iteration; nil for no.
  var owesEvaluation: Bool?
}

extension TrainerState {
  /// Takes the images of a batch into the hash of the order.
  ///
  /// - Parameter indices: The images, in the order of the batch.
  mutating func take(_ indices: [Int]) {
    for index in indices { order = StepSeed.mix(order ^ UInt64(truncatingIfNeeded: index)) }
  }
}

/// Seeds that depend on nothing but the run's seed and the place: nothing random has to be stored.
enum StepSeed {
  /// The seed of stochastic depth for a part of a step.
  static func stochasticDepth(seed: UInt64, iteration: Int, part: Int) -> UInt64 {
    mix(
      mix(mix(seed ^ 0x5D) ^ UInt64(truncatingIfNeeded: iteration))
        ^ UInt64(truncatingIfNeeded: part))
  }

  /// Mixes the bits of a number.
  ///
  /// Source: Steele, Lea and Flood, 2014 (SplitMix64).
  static func mix(_ value: UInt64) -> UInt64 {
    var bits = value &+ 0x9E37_79B9_7F4A_7C15
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }
}

extension SelfDistillation {
  /// Every tensor that must be stored, by the name that Meta's checkpoints use.
  func checkpointTensors() throws(TorchError) -> [(name: String, tensor: Tensor)] {
    var tensors = student.parameters.parameters.map { ("student.\($0.name)", $0.value) }
    tensors += teacher.parameters.parameters.map { ("teacher.\($0.name)", $0.value) }
    guard config.centering == .softmax else { return tensors }
    tensors.append(("dino_loss.center", try dinoCentering.state()))
    tensors.append(("ibot_patch_loss.center", try ibotCentering.state()))
    return tensors
  }

  /// Continues from stored tensors.
  func restore(_ tensors: [String: Tensor]) throws(TorchError) {
    try student.parameters.load(Self.tensors(tensors, below: "student."))
    try teacher.parameters.load(Self.tensors(tensors, below: "teacher."))
    guard config.centering == .softmax, let dino = tensors["dino_loss.center"] else { return }
    try restoreCenters(dino: dino, ibot: tensors["ibot_patch_loss.center"])
  }

  static func tensors(_ tensors: [String: Tensor], below prefix: String) -> [String: Tensor] {
    var found: [String: Tensor] = [:]
    for (name, tensor) in tensors where name.hasPrefix(prefix) {
      found[String(name.dropFirst(prefix.count))] = tensor
    }
    return found
  }
}
