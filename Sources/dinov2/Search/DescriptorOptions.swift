import ArgumentParser
import DINOEvaluation
import DINOInference
import DINOModels

/// What of an image becomes its descriptor in retrieval.
struct DescriptorOptions: ParsableArguments {
  /// ``DescriptorRecipe/Pooling`` as an argument.
  enum Pooling: String, CaseIterable, ExpressibleByArgument {
    case cls, mean, gem
    case clsAndMean = "cls+mean"
    case clsAndGeM = "cls+gem"
  }

  @Option(
    help:
      "The class token, the mean or generalised mean of the patch tokens, or two of them joined.")
  var pooling: Pooling?

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
}

extension DescriptorRecipe.Pooling {
  /// What retrieval takes unless something else is asked for.
  static let standard = Self.cls
}
