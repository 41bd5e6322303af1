internal import DINOModels

extension TrainingConfig {
  /// The values of keys that have a closed set of them.
  static let choices: [String: ConfigChoice] = [
    "train.centering": ConfigChoice(names(SelfDistillationConfig.Centering.self)),
    "train.precision": ConfigChoice(names(Train.Precision.self)),
    "student.arch": ConfigChoice(names(Student.Arch.self)),
    "student.ffn_layer": ConfigChoice(
      [FFNLayer.mlp, .swiGLU, .swiGLUFused].map(\.rawValue)),
    "student.initialization": ConfigChoice(names(Student.Initialization.self)),
    "optim.scaling_rule": ConfigChoice(names(Optim.ScalingRule.self)),
    "optim.optimizer": ConfigChoice(names(Optim.Algorithm.self)),
    "quirks": ConfigChoice(QuirkSelection.names, listOf: names(Quirk.self)),
  ]

  private static func names<Choice: CaseIterable & RawRepresentable<String>>(
    _ type: Choice.Type
  ) -> [String] {
    type.allCases.map(\.rawValue)
  }

  /// A configuration in which every key has a value, for the types of the values.
  private static var filled: TrainingConfig {
    var config = TrainingConfig()
    config.train.checkpointPeriod = 1
    config.train.reducedDecoding = true
    config.student.embedDim = 1
    config.student.depth = 1
    config.student.numHeads = 1
    config.student.mlpRatio = 1
    return config
  }

  /// A tree with every key and a value of the right type.
  static let form = filled.tree

  /// Keys that may be null.
  static let optionalKeys = Set(
    TrainingConfig().tree.leaves().filter { $0.value == .null }.map(\.path))

  /// The configuration as a tree, in the order of the declarations.
  var tree: ConfigNode {
    do {
      return try ConfigNodeEncoder.node(of: self)
    } catch {
      preconditionFailure("a configuration encodes without fail: \(error)")
    }
  }

  /// The whole configuration as YAML; loads back equal.
  public var yaml: String { tree.yaml }
}
