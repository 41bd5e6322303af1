import ArgumentParser
import CheckpointFormats
import DINOData
import DINOInference
import DINOModels
import Foundation
import Imaging

/// `dinov2 depth`: the distance of each pixel of images.
struct DepthCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "depth",
    abstract: "Give each pixel of images its distance in metres.",
    discussion: """
      Writes for each image <name>.npy, metres along the optical axis, float32 [height, width], and \
      <name>.png in colours with a scale from the nearest to the farthest point. Images have any size. \
      Heads are made by 'dinov2 head train depth'; released head files are read too (--head-max-depth 80 \
      for those of KITTI).

      Example: dinov2 depth photos/ --head heads/rooms --output maps
      """)

  @Argument(help: "Images, folders, lists, patterns or tar shards.", completion: .file())
  var inputs: [String]

  @OptionGroup var output: MapOutput
  @OptionGroup(title: "Head") var inference: DenseInferenceOptions

  @Option(help: "The largest depth that a released head was trained for, metres.")
  var headMaxDepth = 10.0

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Depths of the first and the last colour, metres; each image's own if left out.",
      valueName: "metres"))
  var range: [Float] = []

  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  private struct Answer: Encodable {
    let path: String
    let files: MapOutput.Paths
    /// Height and width.
    let size: [Int]
    let nearest: Float
    let median: Float
    let farthest: Float
  }

  func validate() throws {
    guard headMaxDepth > 0.002, headMaxDepth.isFinite else {
      throw ValidationError("--head-max-depth is \(headMaxDepth); expected above 0.002.")
    }
    guard range.isEmpty || (range.count == 2 && range[0] < range[1] && range[1].isFinite) else {
      throw ValidationError("--range is \(range); expected two numbers, the smaller first.")
    }
  }

  func run() async throws {
    ComputeThreads.quiet()
    let images = try ImageInputs(inputs.map { RawPath(argument: $0) }).references
    var released = DenseHead.ReleasedOptions()
    released.maxDepth = headMaxDepth
    let head = try inference.load(for: .depth, released: released)
    let model = try await modelOptions.load(forHead: inference.head)
    let predictor = try await DensePredictor(model, head: head)
    try output.prepare()
    let paths = output.paths(for: images)
    var number = 0
    let answers = try await images.forEachUsable(label: "measuring depth") { reference in
      defer { number += 1 }
      return try await depth(reference, predictor, paths[number])
    }
    for answer in answers {
      if output.json {
        try Console.printJSON(answer)
      } else {
        let metres = [answer.nearest, answer.median, answer.farthest].map {
          String(format: "%.2f", Double($0))
        }
        Console.print(
          "\(answer.files.png): \(metres[0]) to \(metres[2]) m, median \(metres[1]) m")
      }
    }
  }

  private func depth(
    _ reference: ImageReference, _ predictor: DensePredictor, _ files: MapOutput.Paths
  ) async throws -> Answer {
    let image = try reference.decode(output.decoder)
    let found = try await predictor.depth(of: image, inference.options)
    let shape = [found.size.height, found.size.width]
    try Npy.write(StoredTensor(floats: found.metres, shape: shape), to: files.npy)
    let sorted = found.metres.sorted()
    let (nearest, farthest) = (sorted.first ?? 0, sorted.last ?? 0)
    let colors = range.count == 2 ? range[0]...range[1] : nearest...max(farthest, nearest)
    try output.write(
      MapPicture.depth(found, range: colors, over: output.overlay ? image : nil), to: files)
    return Answer(
      path: reference.displayName, files: files, size: shape, nearest: nearest,
      median: sorted[sorted.count / 2], farthest: farthest)
  }
}
