internal import Foundation

/// One classifier of the grid: what it sees and how fast it learns.
public struct LinearProbeHead: Sendable, Hashable {
  /// What it sees.
  public let input: LinearProbeInput
  /// The learning rate of the first step, scaled by the batch.
  public let learningRate: Double
  /// The name of the original, unlike all others of the grid.
  public let name: String

  /// The base learning rates of the original, for a batch of 256.
  public static let standardRates = [
    1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1,
  ]

  /// All combinations of inputs and learning rates.
  ///
  /// Rates are multiplied by `batch / 256`. Names are the original's, with the rate to five decimals;
  /// where two rates would then share a name, as many decimals are written as tell all apart (the
  /// original drops a head silently).
  ///
  /// Source: `setup_linear_classifiers` and `scale_lr` of `dinov2.eval.linear`.
  ///
  /// - Parameters:
  ///   - inputs: What the classifiers see.
  ///   - rates: Base learning rates; repeated ones count once.
  ///   - batch: Images of a step, on all devices together.
  /// - Returns: Heads in the original's order: by input, then by rate.
  public static func grid(
    inputs: [LinearProbeInput] = LinearProbeInput.standard, rates: [Double] = standardRates,
    batch: Int
  ) -> [LinearProbeHead] {
    var seen: Set<Double> = []
    let scaled = rates.map { $0 * Double(batch) / 256 }.filter { seen.insert($0).inserted }
    let texts = distinctTexts(scaled)
    return inputs.flatMap { input in
      zip(scaled, texts).map { rate, text in
        let pooling = input.usesAveragePooling ? "True" : "False"
        return LinearProbeHead(
          input: input, learningRate: rate,
          name: "classifier_\(input.blocks)_blocks_avgpool_\(pooling)_lr_\(text)")
      }
    }
  }

  private static func distinctTexts(_ rates: [Double]) -> [String] {
    var texts: [String] = []
    // Seventeen significant digits tell all doubles apart.
    for decimals in 5...340 {
      texts = rates.map {
        String(format: "%.\(decimals)f", $0).replacingOccurrences(of: ".", with: "_")
      }
      if Set(texts).count == rates.count { break }
    }
    return texts
  }
}
