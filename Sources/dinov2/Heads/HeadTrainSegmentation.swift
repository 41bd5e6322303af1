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
    abstract: "Train a head that gives each pixel a class.",
    discussion: """
      Linear (the default): a batch norm and one linear layer on the patch tokens of the last block (or \
      the last four), as the released heads. Cross-entropy at four points per patch and axis; AdamW; the \
      best of several learning rates by mIoU on held-out images. With --head mask a decoder whose queries \
      each find a mask and a class (Mask2Former), on four blocks, which takes much longer. Data: ROOT/train/images and ROOT/train/masks (PNG of \
      class numbers, 255 ignored) with ROOT/classes.txt, or the folders of ADE20k, Pascal VOC or \
      Cityscapes as they are published.

      Example: dinov2 head train segmentation --data data/facades --output heads/facades
      """)

  /// The kind of the head.
  enum Kind: String, CaseIterable, ExpressibleByArgument {
    case linear, mask
  }

  @Option(help: "The data set.", completion: .directory)
  var data: String

  @OptionGroup var output: HeadOutputOptions
  @OptionGroup(title: "Data") var dataOptions: SegmentationDataOptions

  @Option(name: .customLong("head"), help: "The kind of the head.")
  var kind = Kind.linear

  @Option(help: "Width of a mask head, a multiple of 4.")
  var channels = DenseHeadJob.SegmentationChoice.Masks().channels

  @Option(help: "Decoder layers of a mask head.")
  var layers = DenseHeadJob.SegmentationChoice.Masks().layers

  @Option(help: "Queries of a mask head; 64, or as many as there are classes, if left out.")
  var queries: Int?

  @OptionGroup(title: "Training") var training: DenseTrainOptions
  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  func validate() throws {
    guard (4...4096).contains(channels), channels % 4 == 0 else {
      throw ValidationError("--channels is \(channels); expected a multiple of 4 up to 4096.")
    }
    guard (1...64).contains(layers), (1...4096).contains(queries ?? 1) else {
      throw ValidationError("--layers must be 1 to 64, --queries 1 to 4096.")
    }
  }

  private var standard: DenseTrainOptions.Standard {
    kind == .mask
      // Twice as many passes learn the images by heart and find no more in others.
      ? .init(blocks: 4, rates: [1e-3], weightDecay: 5e-2, passes: 20)
      : .init(blocks: 1, rates: [3e-4, 1e-3, 3e-3, 1e-2], weightDecay: 1e-3)
  }

  private var choice: DenseHeadJob.SegmentationChoice {
    var choice = DenseHeadJob.SegmentationChoice()
    guard kind == .mask else { return choice }
    var masks = DenseHeadJob.SegmentationChoice.Masks()
    (masks.channels, masks.layers, masks.queries) = (channels, layers, queries)
    choice.masks = masks
    return choice
  }

  func run() async throws {
    ComputeThreads.quiet()
    let set = try dataOptions.read(data, split: training.split)
    let run = try HeadTrainRun(output)
    do {
      let model = try await modelOptions.load()
      let job = try training.job(
        standard, samples: set.samples.count, for: model, output, spread: false,
        workFolder: run.workFolder)
      guard let trained = try await job.segmentation(set, choice, on: model, run.services) else {
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
