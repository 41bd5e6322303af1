/// What a trainer tells while it works.
public enum TrainingEvent: Sendable {
  /// An earlier run is continued after so many iterations.
  case resumed(iteration: Int)
  /// A step was taken or left out.
  case step(StepRecord)
  /// The teacher was measured.
  case evaluated(iteration: Int, measures: [Measure])
  /// A checkpoint is safe.
  case saved(iteration: Int, path: String)
  /// Something that the user should know, one line.
  case warning(String)
}

/// A named number.
public struct Measure: Codable, Equatable, Sendable {
  /// The name, as in `knn_top1`.
  public let name: String
  /// The number.
  public let value: Double

  /// Creates a measure.
  public init(_ name: String, _ value: Double) {
    self.name = name
    self.value = value
  }
}

/// One step: losses, settings, speed.
public struct StepRecord: Sendable {
  /// The number of iterations that are done, from 1.
  public let iteration: Int
  /// The losses.
  public let losses: StepLosses
  /// Whether the step was taken; one whose losses or gradients are no numbers is left out.
  public let isTaken: Bool
  /// The norm of the gradient of each part, before clipping.
  public let gradientNorms: [Measure]
  /// Learning rate, weight decay, momentum, temperature.
  public let schedule: TrainingSchedules.Values
  /// The images of the batch.
  public let images: Int
  /// Seconds of the whole step.
  public let seconds: Double
  /// Seconds of waiting for data, part of the whole.
  public let dataSeconds: Double
  /// Where the rest of the time went.
  public let stages: StageSeconds

  /// Images of the batch per second.
  public var imagesPerSecond: Double { Double(images) / max(seconds, 1e-9) }

  /// The losses as Meta's code logs them: KoLeo and the patch loss are halved there.
  ///
  /// - Parameter koleoWeight: The weight of KoLeo.
  /// - Returns: The losses, the sum first.
  func loggedLosses(koleoWeight: Double) -> [Measure] {
    let koleo = koleoWeight * losses.koleo / 2
    let ibot = losses.ibot / 2
    return [
      Measure("total_loss", losses.dinoLocal + losses.dinoGlobal + koleo + ibot),
      Measure("dino_local_crops_loss", losses.dinoLocal),
      Measure("dino_global_crops_loss", losses.dinoGlobal), Measure("koleo_loss", koleo),
      Measure("ibot_loss", ibot),
    ]
  }
}
