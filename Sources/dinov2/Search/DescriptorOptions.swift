import ArgumentParser
import DINOCuration
import DINOEvaluation
import DINOInference
import DINOModels
import Imaging
import Telemetry

/// What of an image becomes its descriptor in retrieval.
struct DescriptorOptions: ParsableArguments {
  /// ``DescriptorRecipe/Pooling`` as an argument.
  enum Pooling: String, CaseIterable, ExpressibleByArgument {
    case cls, mean, gem
    case clsAndMean = "cls+mean"
    case clsAndGeM = "cls+gem"
    case vlad
  }

  @Option(
    help:
      "The class token, the mean or generalised mean of the patch tokens, two of them joined, or vlad: sums of the patch tokens around centres learned from the images that are searched. vlad wants larger images, such as --resize 320."
  )
  var pooling: Pooling?

  @Option(help: "The number of centres of vlad (default: 64).")
  var centres: Int?

  @Option(help: "The exponent of the generalised mean (default: 3).")
  var gemExponent: Double?

  @Option(help: "The block after which tokens are taken, from 0; the last one if left out.")
  var block: Int?

  @Flag(
    help: "Average the descriptors of the image at three sizes: 1, 0.71 and 0.5 times --resize.")
  var multiscale = false

  func validate() throws {
    if let gemExponent, !(gemExponent > 0 && gemExponent <= 100) {
      throw ValidationError("--gem-exponent is \(gemExponent); expected above 0 and at most 100.")
    }
    if let centres {
      guard pooling == .vlad else { throw ValidationError("--centres needs --pooling vlad.") }
      guard (2...4096).contains(centres) else {
        throw ValidationError("--centres is \(centres); expected 2 to 4096.")
      }
    }
    if let block, block < 0 {
      throw ValidationError("--block is \(block); expected 0 or more.")
    }
  }

  /// Whether anything was asked for.
  var isEmpty: Bool { pooling == nil && gemExponent == nil && block == nil && !multiscale }

  /// The recipe for a model.
  func recipe(for model: DINOv2) throws -> DescriptorRecipe {
    if let block, block >= model.config.depth {
      throw UsageError(
        "--block is \(block); \(model.name) has the blocks 0 to \(model.config.depth - 1)")
    }
    var recipe = DescriptorRecipe(
      pooling.flatMap { .init(rawValue: $0.rawValue) } ?? .standard)
    if let gemExponent { recipe.exponent = gemExponent }
    recipe.block = block
    if multiscale { recipe.scales = DescriptorRecipe.threeScales }
    return recipe
  }

  /// Learns the vocabulary that a recipe needs, with progress on the standard error.
  ///
  /// - Parameters:
  ///   - job: What needs a vocabulary, if it does and has none.
  ///   - inputs: The images that are searched.
  ///   - model: The model.
  ///   - load: Reads an image.
  /// - Returns: The job, which lacks nothing.
  /// - Throws: What learning throws.
  func completed<Input: Sendable>(
    _ job: DescriptorJob, from inputs: [Input], with model: DINOv2,
    load: @escaping @Sendable (Input) throws -> PixelBuffer
  ) async throws -> DescriptorJob {
    guard job.recipe.pooling == .vlad, job.recipe.vocabulary == nil else { return job }
    var learning = VocabularyLearning()
    if let centres { learning.centres = centres }
    let progress = ProgressReporter.automatic(
      label: "vocabulary", total: min(inputs.count, learning.images), unit: .images, json: false)
    var job = job
    do {
      let found = try await learning(inputs, job, with: model, load: load) {
        progress.advance(by: 1)
      }
      job.recipe.vocabulary = found
      progress.finish(
        "vocabulary: \(found.centreCount) centres of patches in \(found.directionCount) directions")
    } catch {
      progress.stop()
      throw error
    }
    return job
  }
}

extension DescriptorRecipe.Pooling {
  /// What retrieval takes unless something else is asked for.
  static let standard = Self.cls
}
