public import DINOModels
public import Torch

/// Measures a backbone by its nearest neighbours while it trains.
public final class BackboneKNN {
  private let train: LabelledCrops
  private let test: LabelledCrops
  private let counts: [Int]

  /// Keeps the images.
  ///
  /// - Parameters:
  ///   - train: Images that neighbours are looked for in.
  ///   - test: Images that are classified, with the same classes.
  ///   - counts: Numbers of neighbours.
  public init(train: LabelledCrops, test: LabelledCrops, counts: [Int] = [10, 20, 100, 200]) {
    self.train = train
    self.test = test
    self.counts = counts
  }

  /// What came out.
  public struct Result: Equatable, Sendable {
    /// The accuracy for each number of neighbours.
    public let accuracies: [(count: Int, accuracy: Accuracy)]
    /// The effective rank of the training features: the exponential of the entropy of their spectrum.
    public let featureRank: Double

    /// The best first-choice accuracy.
    public var top1: Double { accuracies.map(\.accuracy.top1).max() ?? 0 }

    /// Whether both are alike.
    public static func == (one: Result, other: Result) -> Bool {
      one.featureRank == other.featureRank
        && one.accuracies.elementsEqual(other.accuracies) { $0 == $1 }
    }
  }

  /// Embeds all images by their class tokens and classifies.
  ///
  /// - Parameters:
  ///   - backbone: The backbone.
  ///   - shouldStop: Asked between batches; true ends the work.
  /// - Returns: Accuracies and rank; nil if the work was ended.
  /// - Throws: `TorchError` if a shape does not fit.
  public func measure(
    _ backbone: VisionTransformer, unless shouldStop: () -> Bool = { false }
  ) throws(TorchError) -> Result? {
    try withoutGradient { () throws(TorchError) -> Result? in
      guard
        let known = try train.features(
          unless: shouldStop, { x throws(TorchError) in try backbone(x) }),
        let asked = try test.features(
          unless: shouldStop, { x throws(TorchError) in try backbone(x) })
      else { return nil }
      let classes = max(train.classNames.count, (test.labels.max() ?? 0) + 1)
      let classifier = try KNNClassifier(
        features: known, labels: train.labels, classes: classes, counts: counts)
      return Result(
        accuracies: try classifier.accuracies(asked, labels: test.labels),
        featureRank: try known.effectiveRank())
    }
  }
}

extension Tensor {
  /// The exponential of the entropy of the normalised singular values of centred rows, `[N, D]`: 1 if
  /// all vary along one line, `D` if alike in all directions.
  ///
  /// Source: Roy and Vetterli, 2007; Garrido et al., 2023 (RankMe).
  func effectiveRank() throws(TorchError) -> Double {
    let centred = try self - mean(dim: 0, keepDim: true)
    let spread = try centred.transpose(0, 1).matmul(centred)
    let values = try spread.symmetricEigen().values.clamped(from: 0).sqrt()
    let shares = try values / values.sum().clamped(from: 1e-12)
    let entropy = try -(shares * shares.clamped(from: 1e-12).log()).sum()
    return try entropy.exp().item()
  }
}
