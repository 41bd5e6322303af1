import ArgumentParser
import DINOData
import DINOInference
import Foundation
import Telemetry

/// `dinov2 embed`: one embedding per image.
struct EmbedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed",
    abstract: "Write one embedding per image.",
    discussion: """
      Inputs are images, folders (searched recursively), lists (@list.txt), patterns and tar shards. \
      Rows stand in the order of the inputs, files of a folder in byte order; their names are written \
      to OUTPUT.names.txt. Files that cannot be read are listed and left out; the command fails only \
      if none could be used. Run the same command again to go on after an interruption.

      Example: dinov2 embed photos/ --model dinov2_vits14 --output photos.npy
      """)

  @Argument(help: "Images, folders, lists, patterns or tar shards.", completion: .file())
  var inputs: [String]

  @Option(
    name: .shortAndLong,
    help: "The result: .npy ([N, D], float32) or .safetensors (embeddings, patch_tokens).",
    completion: .file())
  var output: String

  /// ``EmbeddingJob/Pooling`` as an argument.
  enum Pooling: String, CaseIterable, ExpressibleByArgument {
    case cls, mean
    case clsAndMean = "cls+mean"
  }

  @Option(help: "What to keep: the class token, the mean of the patch tokens, or both.")
  var pooling = Pooling.cls

  @Flag(help: "Keep the patch tokens too, [N, T, D]; needs .safetensors and a crop.")
  var tokens = false

  @OptionGroup var loading: LoadingOptions

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  @Flag(help: "Print progress and the summary as JSON lines.")
  var json = false

  func run() async throws {
    let images = try ImageInputs(inputs.map { RawPath(argument: $0) }).references
    let model = try await modelOptions.load()
    var job = EmbeddingJob(
      references: images, output: output,
      preprocessing: try preprocessing.preprocessing(for: model))
    job.decoder = preprocessing.decoder
    job.pooling = .init(rawValue: pooling.rawValue) ?? .cls
    job.keepsTokens = tokens
    job.batchSize = loading.batch
    job.decoders = loading.decoders
    let progress = ProgressReporter.automatic(
      label: "embed", total: images.count, unit: .images, json: json)
    if !json { progress.note("\(model.name): \(model.summary)") }
    let report: EmbeddingJob.Report
    do {
      report = try await job.run(with: model) { event in
        switch event {
        case .resumed(let count): progress.resume(at: count)
        case .advanced(let count): progress.advance(by: count)
        case .failed(let failure): progress.warn("left out \(failure.reason)")
        }
      }
    } catch {
      progress.stop()
      throw error
    }
    try summarize(report, progress)
  }

  private func summarize(
    _ report: EmbeddingJob.Report, _ progress: ProgressReporter
  ) throws {
    let count = NumberFormat.grouped(report.embedded)
    let left =
      report.failures.isEmpty ? "" : ", \(NumberFormat.grouped(report.failures.count)) left out"
    progress.finish(
      "\(output): \(count) × \(report.columns)\(left)")
  }
}
