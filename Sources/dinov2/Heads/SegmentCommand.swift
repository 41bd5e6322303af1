import ArgumentParser
import CheckpointFormats
import DINOData
import DINOInference
import DINOModels
import Imaging

/// `dinov2 segment`: a class for each pixel of images.
struct SegmentCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "segment",
    abstract: "Give each pixel of images a class, or cut out what is clicked on.",
    discussion: """
      Writes for each image <name>.npy, the classes by number, uint8 (uint16 for more than 256 classes) \
      [height, width], and <name>.png in colours with a legend. Images have any size: they are resized as \
      the head wants them and padded to whole patches, and the map has the size of the image. Heads are \
      made by 'dinov2 head train segmentation'; released head files are read too.

      With --prompt no head is needed: the object under the clicks is cut out by the patch tokens alone. \
      Written are <name>.npy and <name>_mask.png, 1 on the object, and <name>.png to look at.

      Example: dinov2 segment photos/ --head heads/facades --output maps
      Example: dinov2 segment photo.jpg --prompt 320,200 --negative 20,20 --output cut
      """)

  @Argument(help: "Images, folders, lists, patterns or tar shards.", completion: .file())
  var inputs: [String]

  @OptionGroup var output: MapOutput
  @OptionGroup(title: "Head") var inference: DenseInferenceOptions

  @Option(help: "Class names of a released head file, one a line.", completion: .file())
  var labels: String?

  @OptionGroup(title: "Clicks") var prompt: PromptOptions
  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  func validate() throws {
    let hasHead = !inference.isDefaultButForSize || labels != nil || output.overlay
    guard !prompt.isUsed || !hasHead else {
      throw ValidationError(
        "--prompt needs no head: leave --head, --labels, --window, --flip and --overlay out.")
    }
  }

  private struct Answer: Encodable {
    struct Class: Encodable {
      let index: Int
      let label: String?
      let share: Double
    }
    let path: String
    let files: MapOutput.Paths
    /// Height and width.
    let size: [Int]
    let classes: [Class]
  }

  func run() async throws {
    ComputeThreads.quiet()
    let images = try ImageInputs(inputs.map { RawPath(argument: $0) }).references
    if prompt.isUsed { return try await cutOut(images) }
    var released = DenseHead.ReleasedOptions()
    released.classNames = try labels.map { try ClassNames.read(RawPath(argument: $0)) }
    let head = try inference.load(for: .segmentation, released: released)
    let model = try await modelOptions.load(forHead: inference.head)
    let predictor = try await DensePredictor(model, head: head)
    try output.prepare()
    let paths = output.paths(for: images)
    var number = 0
    let answers = try await images.forEachUsable(label: "segmenting") { reference in
      defer { number += 1 }
      return try await segment(reference, predictor, paths[number])
    }
    for answer in answers {
      if output.json {
        try Console.printJSON(answer)
      } else {
        let classes = answer.classes.prefix(4).map {
          "\($0.label ?? "class \($0.index)") \(percent($0.share))"
        }
        Console.print("\(answer.files.png): \(classes.joined(separator: ", "))")
      }
    }
  }

  private func cutOut(_ images: [ImageReference]) async throws {
    guard images.count == 1 else {
      throw UsageError(
        "--prompt needs a single one: clicks are pixels of an image, and \(images.count) images "
          + "were given")
    }
    try await prompt.run(
      images[0], try await modelOptions.load(), resize: inference.resize, output)
  }

  private func segment(
    _ reference: ImageReference, _ predictor: DensePredictor, _ files: MapOutput.Paths
  ) async throws -> Answer {
    let image = try reference.decode(output.decoder)
    let found = try await predictor.labels(of: image, inference.options)
    let names = predictor.head.classNames
    let shape = [found.size.height, found.size.width]
    if predictor.head.classCount ?? 0 > 256 {
      try Npy.write(found.labels, shape: shape, to: files.npy)
    } else {
      let bytes = found.labels.map { UInt8(clamping: $0) }
      let tensor = try unsafe bytes.withUnsafeBytes {
        unsafe try StoredTensor(copying: $0, as: .uint8, shape: shape)
      }
      try Npy.write(tensor, to: files.npy)
    }
    try output.write(
      MapPicture.labels(found, names: names, over: output.overlay ? image : nil), to: files)
    return Answer(
      path: reference.displayName, files: files, size: shape,
      classes: found.shares.map {
        .init(index: $0.label, label: names?[$0.label], share: $0.share)
      })
  }
}
