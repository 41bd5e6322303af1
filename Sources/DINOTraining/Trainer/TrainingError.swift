/// Why a training cannot go on.
public enum TrainingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Losses or gradients are no numbers, several times in a row.
  case nonFinite(iteration: Int, badSteps: Int)
  /// The run folder holds a run of another configuration.
  case otherConfiguration(folder: String, changes: [String])

  /// What the program exits with.
  public var exitCode: Int32 {
    switch self {
    case .nonFinite: 7
    case .otherConfiguration: 2
    }
  }

  /// One line.
  public var description: String {
    switch self {
    case .nonFinite(let iteration, let badSteps):
      "iteration \(iteration): loss or gradient was not finite in \(badSteps) steps in a row; checkpoints "
        + "that were saved before are whole. Start a new run with a lower optim.base_lr, a longer "
        + "optim.warmup_epochs, or train.precision=fp32"
    case .otherConfiguration(let folder, let changes):
      "\(folder): holds a run of another configuration ("
        + (changes.isEmpty ? "of another version" : changes.joined(separator: ", "))
        + "); use the same settings to go on, or another --output"
    }
  }
}
