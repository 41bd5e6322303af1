import DINOInference
import Foundation

/// Weights that were downloaded before.
enum CachedWeights {
  /// The weight file or model folder of a released model in the caches of this machine.
  static func path(of name: ModelName) -> String? { nil }
}
