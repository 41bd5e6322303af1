public import DINOInference
public import DINOModels
public import Torch

/// Trains a linear classifier on features that were computed before: the grid of linear probes, of which
/// the best on held-out images is the head.
public struct ClassificationHeadJob {
  /// The grid and how it is trained.
  public var evaluation = LinearEvaluation()
  /// The share of the images that the classifier is chosen on.
  public var heldOutShare = 0.1
  /// The names of the classes by index.
  public var classNames: [String]
  /// The data set, as it was named.
  public var dataName: String

  /// Describes a job.
  ///
  /// - Parameters:
  ///   - classNames: The names of the classes by index.
  ///   - dataName: The data set, as it was named.
  public init(classNames: [String], dataName: String) {
    self.classNames = classNames
    self.dataName = dataName
  }

  /// Trains and chooses.
  ///
  /// - Parameters:
  ///   - features: Labelled features.
  ///   - backbone: What the head notes about the model; its blocks do not count.
  ///   - preprocessing: How images became the model's input.
  ///   - progress: Called after each step.
  /// - Returns: The head; its scores are the held-out top-1 of each classifier.
  /// - Throws: `InferenceError` if there are too few images or a shape does not fit.
  public func callAsFunction(
    _ features: LabelledFeatures, backbone: HeadBackbone, preprocessing: HeadPreprocessing,
    progress: (Int) -> Void = { _ in }
  ) throws(InferenceError) -> DenseHeadJob.Trained {
    do {
      let (kept, held) = try TrainingSubset.holdOut(
        of: features.labels.count, share: heldOutShare, seed: evaluation.seed)
      let (train, selection) = (try features.selecting(kept), try features.selecting(held))
      let grid = try evaluation.grid(
        train: .init(train.rows, train.labels), layers: features.layers,
        classes: classNames.count
      ) { step, _ in progress(step) }
      let rankings = try evaluation.rankings(
        grid, selection.rows, of: Array(grid.heads.indices))
      let scores = try rankings.map { try $0.accuracy(selection.labels).top1 }
      var best = 0
      for index in scores.indices where scores[index] > scores[best] { best = index }

      let input = grid.heads[best].input
      let width = backbone.embedDim
      var (weight, bias) = try grid.parameters(of: best)
      if !input.usesAveragePooling {
        // A classifier's input ends with the mean patch token; this one gives it no weight.
        weight = try .cat([weight, .zeros([classNames.count, width])], dim: 1)
      }
      var noted = backbone
      noted.blocks = Array(backbone.depth - input.blocks..<backbone.depth)
      noted.normalize = true
      var config = try HeadConfig(
        .classification, type: HeadConfig.Kind.linear,
        sizes: LinearClassifierConfig(layers: input.blocks, classes: classNames.count),
        backbone: noted)
      config.classes = classNames
      config.preprocessing = preprocessing
      var record = HeadTraining(data: dataName, seed: evaluation.seed)
      (record.images, record.heldOut) = (kept.count, held.count)
      (record.steps, record.batch) = (evaluation.iterations, evaluation.batch)
      record.learningRate = grid.heads[best].learningRate
      record.metrics = ["held_out_top1": scores[best]]
      config.training = record
      return DenseHeadJob.Trained(
        config: config, parameters: [("weight", weight), ("bias", bias)], backbone: nil,
        scores: scores)
    } catch let error as TorchError {
      throw .torch(error)
    } catch let error as ModelError {
      throw .model(error)
    } catch {
      throw .usage(problem: "\(error)")
    }
  }
}

extension DenseHeadJob.Trained {
  /// What a linear classifier says about features of its blocks.
  ///
  /// - Parameter features: Rows of as many blocks as the head takes, and the mean patch token.
  /// - Returns: The classes of each image, in order.
  /// - Throws: `TorchError` if the width differs.
  public func ranking(of features: LabelledFeatures) throws(TorchError) -> ClassRanking {
    let named = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.tensor) })
    guard let weight = named["weight"] else {
      throw TorchError("classify", "the head has no weight")
    }
    return try ClassRanking(features.rows.linear(weight: weight, bias: named["bias"]))
  }
}
