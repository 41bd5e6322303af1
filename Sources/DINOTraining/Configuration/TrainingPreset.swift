internal import Torch

/// A named configuration.
public enum TrainingPreset: String, CaseIterable, Codable, Sendable {
  /// A model and crops so small that 100 steps take seconds.
  case tiny
  /// A few thousand small images on a few cores.
  case smallData = "small-data"
  /// Meta's `vitl16_short.yaml`: ViT-L/16 on ImageNet-1k, 32 devices.
  case metaShort = "meta-short"
  /// Meta's `vitl14.yaml`: ViT-L/14 on ImageNet-22k, 96 devices.
  case vitl14
  /// Meta's `vitg14.yaml`: ViT-g/14 on ImageNet-22k, 256 devices.
  case vitg14

  /// The preset of a name.
  ///
  /// - Parameter name: For example `small-data`.
  /// - Throws: ``ConfigurationError`` with the nearest name if there is none.
  public init(named name: String) throws(ConfigurationError) {
    guard let preset = TrainingPreset(rawValue: name) else {
      let names = Self.allCases.map(\.rawValue)
      throw .unknownPreset(name: name, nearest: NearestName.find(name, among: names))
    }
    self = preset
  }

  /// The configuration.
  public var config: TrainingConfig {
    switch self {
    case .tiny: .tiny
    case .smallData: .smallData
    case .metaShort: .metaShort
    case .vitl14: .metaLong(.large, batchSize: 32)
    case .vitg14: .metaLong(.giant2, batchSize: 12)
    }
  }

  /// One line about the preset.
  public var summary: String {
    switch self {
    case .tiny: "width 64, 3 blocks, crops of 32 and 16 pixels: checks that everything works"
    case .smallData: "width 192, 6 blocks, crops of 70 and 28 pixels: a few thousand images, a CPU"
    case .metaShort: "ViT-L/16, 125,000 iterations of 32 × 64 images: ImageNet-1k, 32 devices"
    case .vitl14: "ViT-L/14, 625,000 iterations of 96 × 32 images: ImageNet-22k, 96 devices"
    case .vitg14: "ViT-g/14, 625,000 iterations of 256 × 12 images: ImageNet-22k, 256 devices"
    }
  }

  /// A preset and why it was chosen.
  public struct Choice: Equatable, Sendable, CustomStringConvertible {
    /// The preset.
    public let preset: TrainingPreset
    /// Why it was chosen.
    public let reason: String

    /// For example `preset small-data: 6,600 images, 2 cores, no accelerator: …`.
    public var description: String { "preset \(preset.rawValue): \(reason)" }
  }
}
