extension TrainingConfig {
  /// The crops and their distortions.
  public struct Crops: Codable, Equatable, Sendable {
    /// Smallest and largest share of the image's area in a global crop.
    public var globalScale = [0.32, 1.0]
    /// Local crops of an image; 0 for none.
    public var localNumber = 8
    /// Smallest and largest share of the image's area in a local crop.
    public var localScale = [0.05, 0.32]
    /// Side of a global crop in pixels.
    public var globalSize = 224
    /// Side of a local crop in pixels.
    public var localSize = 96
    /// Ours: probability of mirroring.
    public var flipProbability = 0.5
    /// Ours: probability of changing the colours.
    public var colorJitterProbability = 0.8
    /// Ours: largest change of brightness, contrast, saturation and hue.
    public var jitterStrength = [0.4, 0.4, 0.2, 0.1]
    /// Ours: probability of grey.
    public var grayscaleProbability = 0.2
    /// Ours: probabilities of blurring the first and second global crop and the local crops.
    ///
    /// ``Quirk/invertedBlur`` blurs with one minus these.
    public var blurProbabilities = [1.0, 0.1, 0.5]
    /// Ours: probability of inverting the bright pixels of the second global crop.
    public var solarizeProbability = 0.2

    /// Creates the default.
    public init() {}

    enum CodingKeys: String, CodingKey {
      case globalScale = "global_crops_scale"
      case localNumber = "local_crops_number"
      case localScale = "local_crops_scale"
      case globalSize = "global_crops_size"
      case localSize = "local_crops_size"
      case flipProbability = "flip_probability"
      case colorJitterProbability = "color_jitter_probability"
      case jitterStrength = "jitter_strength"
      case grayscaleProbability = "grayscale_probability"
      case blurProbabilities = "blur_probabilities"
      case solarizeProbability = "solarize_probability"
    }
  }
}
