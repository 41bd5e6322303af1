import ArgumentParser

/// `dinov2 head`: task heads on a frozen backbone.
struct HeadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "head",
    abstract: "Train task heads on a frozen backbone, and list them.",
    discussion: """
      A head is a folder with config.json, model.safetensors and a model card. It belongs to the \
      backbone that it was trained on, and is refused with another.

      Example: dinov2 head train segmentation --data data/facades --output heads/facades
      """,
    subcommands: [Train.self, HeadList.self])

  /// `dinov2 head train`: one command per task.
  struct Train: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "train",
      abstract: "Train a head on a frozen backbone.",
      discussion: """
        Features of the frozen backbone are computed once and kept; several learning rates are trained \
        at once, and the best on images that were held out is the head. A command that was stopped goes \
        on when it is given again.

        Example: dinov2 head train depth --data data/rooms --output heads/rooms
        """,
      subcommands: [
        HeadTrainClassification.self, HeadTrainSegmentation.self, HeadTrainDepth.self,
        HeadTrainDetection.self,
      ])
  }
}
