import ArgumentParser
import DINOData
import DINOInference
import DINOModels
import Foundation

/// `dinov2 classify`: the classes of images by a linear classifier.
struct ClassifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "classify",
    abstract: "Name the classes of images with a linear classifier.",
    discussion: """
      The classifier is that of the model folder (Hugging Face's -imagenet1k-1-layer), a head folder \
      that 'dinov2 head train classification' made, or a published head file of one or four layers.

      Example: dinov2 classify photo.jpg --model dinov2_vits14 --weights dinov2_vits14_pretrain.pth \
      --head dinov2_vits14_linear_head.pth --labels imagenet.txt
      """)

  @Argument(help: "Images, folders, lists, patterns or tar shards.", completion: .file())
  var inputs: [String]

  @Option(help: "A head folder, or a head file with the keys weight and bias.", completion: .file())
  var head: String?

  @Option(help: "Class names, one a line.", completion: .file())
  var labels: String?

  @Option(help: "How many classes to name.")
  var top = 5

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  @Flag(help: "Print one JSON object per image.")
  var json = false

  private struct Answer: Encodable {
    struct Candidate: Encodable {
      let index: Int
      let label: String?
      let probability: Double
    }
    let path: String
    let classes: [Candidate]
  }

  func run() async throws {
    guard top > 0 else { throw UsageError("--top is \(top); expected at least 1") }
    let images = try ImageInputs(inputs.map { RawPath(argument: $0) }).references
    let model = try await modelOptions.load(forHead: head)
    let choice = try await ClassifierChoice(head, for: model)
    let names = try labels.map { try ClassNames.read(RawPath($0)) } ?? choice.names
    let preparation = try preprocessing.preprocessing(for: model, default: choice.preprocessing)
    var usable = 0
    for image in images {
      let batch: ImageBatch
      do {
        batch = try preparation.batch([image.decode(preprocessing.decoder)])
      } catch let error as DataError {
        Console.note("left out \(error)")
        continue
      }
      usable += 1
      let (logits, known) = try await model.classify(batch, head: choice.path)
      let answer = answer(image.displayName, logits[0], names: names, known: known)
      if json {
        try Console.printJSON(answer)
      } else {
        Console.print(answer.path)
        for candidate in answer.classes {
          let percent = String(format: "%5.1f %%", candidate.probability * 100)
          Console.print("  \(percent)  \(candidate.label ?? "class \(candidate.index)")")
        }
      }
    }
    guard usable > 0 else {
      throw DataError.refused(
        path: inputs.joined(separator: " "), problem: "none of the images could be used")
    }
  }

  private func answer(
    _ path: String, _ logits: [Float], names: [String]?, known: [Int: String]
  ) -> Answer {
    let highest = Double(logits.max() ?? 0)
    let exponentials = logits.map { exp(Double($0) - highest) }
    let sum = exponentials.reduce(0, +)
    let order = logits.indices.sorted { (logits[$0], $1) > (logits[$1], $0) }
    let classes = order.prefix(top).map { index in
      Answer.Candidate(
        index: index,
        label: names.flatMap { $0.indices.contains(index) ? $0[index] : nil } ?? known[index],
        probability: exponentials[index] / sum)
    }
    return Answer(path: path, classes: classes)
  }
}
