import ArgumentParser
import DINOData
import DINOInference
import DINOModels
import Imaging

/// `dinov2 detect`: boxes around objects in images.
struct DetectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "detect",
    abstract: "Find objects in images: boxes with classes and scores.",
    discussion: """
      Writes for each image <name>.png with boxes, labels and scores, and for all of them \
      detections.json, COCO's results form: image_id, category_id, bbox (left, top, width, height in pixels \
      of the image), score; images.json says which id is which image and which class. Heads are made by \
      'dinov2 head train detection'.

      Example: dinov2 detect photos/ --head heads/chess --output found
      """)

  @Argument(help: "Images, folders, lists, patterns or tar shards.", completion: .file())
  var inputs: [String]

  @Option(
    name: .shortAndLong, help: "The folder of the results.", completion: .directory)
  var output: String

  @Option(help: "The least score of a box, 0 to 1.")
  var score = 0.3

  @Flag(help: "Write no pictures.")
  var noPictures = false

  @Flag(help: "Turn images as their EXIF orientation says; the original does not.")
  var exif = false

  @Flag(help: "Print one JSON object per image.")
  var json = false

  @OptionGroup(title: "Head") var inference: DetectionInferenceOptions
  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  private struct Answer: Encodable {
    struct Object: Encodable {
      let label: String
      let score: Double
      let bbox: [Double]
    }
    let path: String
    let picture: String?
    /// Height and width.
    let size: [Int]
    let objects: [Object]
  }

  /// What was found in an image.
  private struct Finding {
    let id: Int
    let name: String
    let size: Size
    let picture: String?
    let objects: [DetectedObject]
  }

  func validate() throws {
    guard (0...1).contains(score) else {
      throw ValidationError("--score is \(score); expected 0 to 1.")
    }
  }

  func run() async throws {
    let images = try ImageInputs(inputs.map { RawPath(argument: $0) }).references
    let head = try inference.load()
    let model = try await modelOptions.load(forHead: inference.head)
    let predictor = try await DetectionPredictor(model, head: head)
    try MapOutput.makeFolder(output)
    let names = MapOutput.names(for: images)
    let options = inference.options(leastScore: score)
    let decoder = ImageDecoder(appliesOrientation: exif)
    var number = 0
    let findings = try await images.forEachUsable(label: "detecting") { reference in
      defer { number += 1 }
      let image = try reference.decode(decoder)
      let objects = try await predictor.objects(in: image, options)
      let path = noPictures ? nil : "\(output)/\(names[number]).png"
      if let path {
        try ImageEncoder().write(DetectionPicture.draw(objects, over: image), to: path)
      }
      return Finding(
        id: number + 1, name: reference.displayName, size: image.size, picture: path,
        objects: objects)
    }
    try write(findings, predictor.classNames)
    for finding in findings { try tell(finding) }
  }

  private func write(_ findings: [Finding], _ classNames: [String]) throws {
    let entries = findings.flatMap { finding in
      DetectionFile.entries(finding.objects, image: finding.id, name: finding.name) {
        $0.classIndex + 1
      }
    }
    try DetectionFile.write(entries, to: "\(output)/detections.json")
    let images = DetectionFile.Images(
      images: findings.map {
        .init(id: $0.id, fileName: $0.name, height: $0.size.height, width: $0.size.width)
      },
      categories: classNames.enumerated().map { .init(id: $0 + 1, name: $1) })
    try DetectionFile.write(images, to: "\(output)/images.json")
  }

  private func tell(_ finding: Finding) throws {
    if json {
      return try Console.printJSON(
        Answer(
          path: finding.name, picture: finding.picture,
          size: [finding.size.height, finding.size.width],
          objects: finding.objects.map { object in
            let box = object.box
            return .init(
              label: object.label, score: object.score,
              bbox: [box.left, box.top, box.width, box.height])
          }))
    }
    var counts: [String: Int] = [:]
    for object in finding.objects { counts[object.label, default: 0] += 1 }
    let text = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    Console.print("\(finding.picture ?? finding.name): \(text.isEmpty ? "nothing" : text)")
  }
}
