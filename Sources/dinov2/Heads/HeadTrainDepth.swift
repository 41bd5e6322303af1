import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Telemetry

/// `dinov2 head train depth`: the distance of each pixel.
struct HeadTrainDepth: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "depth",
    abstract: "Train a head that gives each pixel its distance.",
    discussion: """
      Linear (the default): patch and class tokens of one or four blocks to 256 depth bins, as the \
      released heads, by the scale-invariant loss; the best of several learning rates by the error on \
      held-out images. With --head dpt a dense prediction transformer's decoder on four blocks, which \
      takes much longer. Data: ROOT/train/images and ROOT/train/depth (16-bit PNG, millimetres, 0 \
      and 65535 unknown), or NYU Depth v2 or KITTI with their lists.

      Example: dinov2 head train depth --data data/rooms --output heads/rooms
      """)

  /// The kind of the head.
  enum Kind: String, CaseIterable, ExpressibleByArgument {
    case linear, dpt
  }

  @Option(help: "The data set.", completion: .directory)
  var data: String

  @OptionGroup var output: HeadOutputOptions
  @OptionGroup(title: "Data") var dataOptions: DepthDataOptions

  @Option(name: .customLong("head"), help: "The kind of the head.")
  var kind = Kind.linear

  @Option(help: "Width of the maps that a DPT head fuses; the released ones have 256.")
  var channels = 64

  @Option(
    help: "The largest depth, metres; the layout's, else a tenth above what is found, if left out.")
  var maxDepth: Double?

  @OptionGroup(title: "Training") var training: DenseTrainOptions
  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  func validate() throws {
    guard (2...4096).contains(channels) else {
      throw ValidationError("--channels is \(channels); expected 2 to 4096.")
    }
    guard maxDepth ?? 1 > 0.002, (maxDepth ?? 1).isFinite else {
      throw ValidationError("--max-depth is \(maxDepth ?? 0); expected above 0.002.")
    }
    guard kind == .linear || training.blocks ?? 4 == 4 else {
      throw ValidationError("--head dpt takes four blocks; leave --blocks out.")
    }
  }

  private var standard: DenseTrainOptions.Standard {
    kind == .dpt
      ? .init(blocks: 4, rates: [3e-4], weightDecay: 1e-2)
      : .init(blocks: 4, rates: [1e-4, 3e-4, 1e-3, 3e-3], weightDecay: 1e-2)
  }

  func run() async throws {
    ComputeThreads.quiet()
    let set = try dataOptions.read(data, split: training.split)
    let run = try HeadTrainRun(output)
    do {
      let model = try await modelOptions.load()
      let job = try training.job(
        standard, samples: set.samples.count, for: model, output, spread: true,
        workFolder: run.workFolder)
      var choice = DenseHeadJob.DepthChoice()
      choice.maxDepth = maxDepth
      choice.dptChannels = kind == .dpt ? channels : nil
      guard let trained = try await job.depth(set, choice, on: model, run.services) else {
        throw run.stopped()
      }
      var end = DenseTrainEnd(
        run: run, model: model, modelOptions: modelOptions, job: job, training: training,
        output: output, metric: "rmse", command: "depth")
      if let maxDepth {
        end.remarks = ["Only pixels up to \(maxDepth) m were trained on and count."]
      }
      try await end.finish(trained) { measurement, record in
        let part = try dataOptions.read(data, split: training.valSplit)
        var comparison = DepthEvaluator.Options.customary(for: part.layout)
        comparison.maxDepth = min(maxDepth ?? .infinity, comparison.maxDepth)
        return try await measurement.depth(
          part, comparison, constant: record?.metrics[DenseHeadJob.medianName]
        ).values
      }
    } catch {
      run.endDisplay()
      throw error
    }
  }
}
