import ArgumentParser
import DINOInference
import Foundation
import Imaging
import Torch

/// `dinov2 bench`: speed and memory of the forward pass.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure the forward pass: class and patch tokens of a batch.",
    discussion: """
      Example: dinov2 bench --model dinov2_vits14 --random-weights --batch 8 --size 224 \
      --precision bf16 --json
      """)

  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  @Option(help: "Images of a batch.")
  var batch = 1

  @Option(help: "Side of the images in pixels.")
  var size = 224

  @Option(help: "Counted runs, after three that are not counted.")
  var runs = 15

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(help: ArgumentHelp("Run once per line on standard input.", visibility: .private))
  var serve = false

  private struct Result: Encodable {
    let model: String
    let batch: Int
    let size: Int
    let precision: String
    let device: String
    let threads: Int
    let runs: Int
    let medianMilliseconds: Double
    let p90Milliseconds: Double
    let imagesPerSecond: Double
    let peakResidentMegabytes: Double
    let engine: String

    enum CodingKeys: String, CodingKey {
      case model, batch, size, precision, device, threads, runs, engine
      case medianMilliseconds = "median_ms"
      case p90Milliseconds = "p90_ms"
      case imagesPerSecond = "images_per_s"
      case peakResidentMegabytes = "peak_rss_mb"
    }
  }

  func validate() throws {
    guard (1...4096).contains(batch) else {
      throw ValidationError("--batch is \(batch); expected 1 to 4096.")
    }
    guard (1...100_000).contains(runs) else {
      throw ValidationError("--runs is \(runs); expected 1 to 100000.")
    }
    guard (1...8192).contains(size) else {
      throw ValidationError("--size is \(size); expected 1 to 8192.")
    }
  }

  func run() async throws {
    let request = try modelOptions.request()
    let model = try await DINOv2.load(request)
    // The values do not matter, but they must not be denormal.
    let values = (0..<batch * 3 * size * size).map { Float($0 % 255) / 127.5 - 1 }
    let images = ImageBatch(
      values: values, count: batch, size: Size(height: size, width: size))
    for _ in 0..<3 { _ = try await model.tokens(of: images) }
    if serve { return try await answerLines(model, images) }
    var times: [Double] = []
    for _ in 0..<runs { times.append(try await milliseconds(model, images)) }
    times.sort()
    let median = (times[(runs - 1) / 2] + times[runs / 2]) / 2
    let result = Result(
      model: modelOptions.model ?? model.name, batch: batch, size: size,
      precision: request.precision.rawValue, device: "\(request.device)",
      threads: TorchRuntime.threadCount, runs: runs, medianMilliseconds: median,
      p90Milliseconds: times[min(runs * 9 / 10, runs - 1)],
      imagesPerSecond: Double(batch) / median * 1000,
      peakResidentMegabytes: Double(TorchRuntime.peakResidentBytes) / 1e6,
      engine: model.summary)
    if json { return try Console.printJSON(result) }
    Console.print(
      String(
        format: "%@, batch %d of %d pixels, %@: median %.1f ms, p90 %.1f ms, %.1f images/s, "
          + "peak %.0f MB (%@)",
        result.model, batch, size, result.precision, result.medianMilliseconds,
        result.p90Milliseconds, result.imagesPerSecond, result.peakResidentMegabytes,
        result.engine))
  }

  private func milliseconds(_ model: DINOv2, _ images: ImageBatch) async throws -> Double {
    let start = ContinuousClock.now
    _ = try await model.tokens(of: images)
    return (ContinuousClock.now - start) / .milliseconds(1)
  }

  /// For interleaved comparison with other programs: one pass per line `run`.
  private func answerLines(_ model: DINOv2, _ images: ImageBatch) async throws {
    Console.print("ready")
    while let line = readLine(), line != "quit" {
      Console.print(String(try await milliseconds(model, images)))
    }
  }
}
