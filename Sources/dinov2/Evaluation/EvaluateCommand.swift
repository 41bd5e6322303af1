import ArgumentParser

/// `dinov2 evaluate`: the field's protocols.
struct EvaluateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure a model by the field's protocols.",
    discussion: """
      Features of labelled images are computed once and kept (--cache); a measurement with the same \
      model, preprocessing and images starts from them.

      Example: dinov2 evaluate knn --train data/train --test data/val --model dinov2_vits14
      """,
    subcommands: [
      EvaluateKNN.self, EvaluateLinear.self, EvaluateLogisticRegression.self,
      EvaluateSegmentation.self, EvaluateDepth.self, EvaluateDetection.self,
      EvaluateRetrieval.self,
      EvaluateCopyDetection.self, EvaluateTracking.self,
    ])
}
