/// What changes between training and evaluation, passed to every forward call that cares.
public struct ForwardContext {
  /// Whether stochastic depth and batch statistics act.
  public var isTraining: Bool
  /// Where random draws come from; needed when training.
  public var generator: Generator?

  /// Deterministic evaluation.
  public static var evaluation: ForwardContext { ForwardContext(isTraining: false, generator: nil) }

  /// Training with random draws.
  public static func training(_ generator: Generator) -> ForwardContext {
    ForwardContext(isTraining: true, generator: generator)
  }
}
