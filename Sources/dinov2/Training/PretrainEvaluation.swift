import DINOData
import DINOEvaluation
import DINOModels
import DINOTraining

/// The k-NN measurement of a run, if the settings name labelled images.
struct PretrainEvaluation {
  private let knn: BackboneKNN

  /// Reads the labelled images; nil if the settings name none.
  init?(_ config: TrainingConfig, note: (String) -> Void) throws {
    let evaluation = config.evaluation
    guard !evaluation.knnTrain.isEmpty || !evaluation.knnVal.isEmpty else { return nil }
    guard !evaluation.knnTrain.isEmpty, !evaluation.knnVal.isEmpty else {
      throw UsageError(
        "evaluation.knn_train and evaluation.knn_val are only useful together: name labelled images "
          + "for both, or for none")
    }
    let train = try LabelledImages([evaluation.knnTrain])
    let test = try LabelledImages([evaluation.knnVal], classNames: train.classNames)
    let sets = try [train, test].map { images in
      try LabelledCrops(images, side: config.crops.globalSize, limit: evaluation.knnImages)
    }
    for line in sets.flatMap(\.failures) { note("left out of the k-NN evaluation: \(line)") }
    knn = BackboneKNN(train: sets[0], test: sets[1], counts: evaluation.knnK)
  }

  /// Measures the teacher; nil if a request to stop interrupted it.
  func measure(_ backbone: VisionTransformer, _ iteration: Int) throws -> [Measure]? {
    guard let result = try knn.measure(backbone, unless: { StopSignal.isRequested }) else {
      return nil
    }
    return [Measure("knn_top1", result.top1)]
      + result.accuracies.map { Measure("knn_top1_k\($0.count)", $0.accuracy.top1) }
      + [Measure("feature_rank", result.featureRank)]
  }
}
