import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels

/// ``DetectionLayout`` as an argument.
struct DetectionDataOptions: ParsableArguments {
  enum Layout: String, CaseIterable, ExpressibleByArgument {
    case coco, voc
  }

  @Option(help: "How the annotations lie; found out if left out.")
  var layout: Layout?

  /// Finds and reads the annotations.
  func read(
    _ root: String, split: String, needsImages: Bool = true
  ) throws -> DetectionData {
    var options = DetectionData.Options()
    options.layout = layout.flatMap { .init(rawValue: $0.rawValue) }
    options.needsImages = needsImages
    return try DetectionData(RawPath(argument: root), split: split, options: options)
  }
}

/// `dinov2 head train detection`: boxes around objects.
struct HeadTrainDetection: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "detection",
    abstract: "Train a head that finds objects: boxes with classes and scores.",
    discussion: """
      An anchor-free head on a simple feature pyramid over the patch tokens of four blocks. Size of the \
      input and levels of the pyramid follow from the sizes of the boxes. Data: ROOT/train.json in COCO's \
      form with images in ROOT/train or ROOT/train/images, or Pascal VOC's XML files beside the images.

      Example: dinov2 head train detection --data data/chess --output heads/chess
      """)

  @Option(help: "The data set.", completion: .directory)
  var data: String

  @OptionGroup var output: HeadOutputOptions
  @OptionGroup(title: "Data") var dataOptions: DetectionDataOptions

  @Option(help: "Width of the pyramid and the towers.")
  var channels = 96

  @Option(help: "Convolutions before each prediction.")
  var towerDepth = 1

  @Option(
    help: "How often the patch grid is doubled, 0 to 2; by the sizes of the boxes if left out.")
  var finest: Int?

  @Option(
    help: "How often the patch grid is halved, 0 to 4; by the sizes of the boxes if left out.")
  var coarsest: Int?

  @OptionGroup(title: "Training") var training: DenseTrainOptions
  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  func validate() throws {
    guard (8...4096).contains(channels), (0...16).contains(towerDepth) else {
      throw ValidationError("--channels must be 8 to 4096, --tower-depth 0 to 16.")
    }
    guard (0...2).contains(finest ?? 0), (0...4).contains(coarsest ?? 0) else {
      throw ValidationError("--finest must be 0 to 2, --coarsest 0 to 4.")
    }
  }

  func run() async throws {
    ComputeThreads.quiet()
    let set = try dataOptions.read(data, split: training.split)
    let run = try HeadTrainRun(output)
    do {
      let model = try await modelOptions.load()
      let job = try training.job(
        .init(
          blocks: 4, rates: [2e-3], weightDecay: 1e-2, trainBatch: 8, passes: 12),
        samples: set.samples.count, for: model, output, spread: true, workFolder: run.workFolder)
      var choice = DenseHeadJob.DetectionChoice()
      choice.channels = channels
      choice.towerDepth = towerDepth
      (choice.finest, choice.coarsest) = (finest, coarsest)
      guard let trained = try await job.detection(set, choice, on: model, run.services) else {
        throw run.stopped()
      }
      let end = DenseTrainEnd(
        run: run, model: model, modelOptions: modelOptions, job: job, training: training,
        output: output, metric: "AP50", command: "detect")
      try await end.write(trained) { _ in
        let folder = try HeadFolder(path: run.output)
        var measurement = DetectionMeasurement(
          predictor: try await DetectionPredictor(
            run.appliedModel(of: trained, frozen: model, modelOptions), head: folder))
        measurement.decoders = output.loading.decoders
        measurement.leavesOutBad = training.leaveOutBad
        measurement.isJSON = output.json
        return try await measurement(dataOptions.read(data, split: training.valSplit)).values
      }
    } catch {
      run.endDisplay()
      throw error
    }
  }
}
