import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Telemetry

/// `dinov2 head train segmentation`: a class for each pixel.
struct HeadTrainSegmentation: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "segmentation",
    abstract: "Train a linear head that gives each pixel a class.",
    discussion: """
      A batch norm and one linear layer on the patch tokens of the last block (or the last four), as \
      the released heads. Cross-entropy at four points per patch and axis; AdamW; the best of several \
      learning rates by mIoU on held-out images. Data: ROOT/train/images and ROOT/train/masks (PNG of \
      class numbers, 255 ignored) with ROOT/classes.txt, or the folders of ADE20k, Pascal VOC or \
      Cityscapes as they are published.

      Example: dinov2 head train segmentation --data data/facades --output heads/facades
      """)

  @Option(help: "The data set.", completion: .directory)
  var data: String

  @OptionGroup var output: HeadOutputOptions
  @OptionGroup(title: "Data") var dataOptions: SegmentationDataOptions
  @OptionGroup(title: "Training") var training: DenseTrainOptions
  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  func run() async throws {
    ComputeThreads.quiet()
    let set = try dataOptions.read(data, split: training.split)
    let run = try HeadTrainRun(output)
    do {
      let model = try await modelOptions.load()
      let job = try training.job(
        .init(blocks: 1, rates: [3e-4, 1e-3, 3e-3, 1e-2], weightDecay: 1e-3),
        samples: set.samples.count, for: model, output, spread: false,
        workFolder: run.workFolder)
      guard let trained = try await job.segmentation(set, on: model, run.services) else {
        throw run.stopped()
      }
      var end = DenseTrainEnd(
        run: run, model: model, modelOptions: modelOptions, job: job, training: training,
        output: output, metric: "mIoU", command: "segment")
      let ignored = set.ignoredClasses.map { set.classNames[$0] }
      if !ignored.isEmpty {
        end.remarks = ["Not trained and not counted: \(ignored.joined(separator: ", "))."]
      }
      try await end.finish(trained) { measurement, _ in
        try await measurement.segmentation(
          dataOptions.read(data, split: training.valSplit)
        ).values
      }
    } catch {
      run.endDisplay()
      throw error
    }
  }
}
