/// How the crops of an image are drawn and distorted.
///
/// Source: Caron et al., 2021, appendix; Grill et al., 2020, table 6; Oquab et al., 2023, appendix
/// B.1.
public struct MultiCropConfig: Equatable, Sendable {
  /// The three kinds of crops, which differ in their distortions.
  public enum View: Int, CaseIterable, Sendable {
    case firstGlobal, secondGlobal, local
  }

  /// Side of a global crop in pixels.
  public var globalSize = 224
  /// Smallest and largest share of the image's area in a global crop.
  public var globalScale = 0.32...1.0
  /// Side of a local crop in pixels.
  public var localSize = 98
  /// Smallest and largest share of the image's area in a local crop.
  public var localScale = 0.05...0.32
  /// Local crops of an image.
  public var localCount = 8
  /// Smallest and largest ratio of width to height.
  public var aspect = 3.0 / 4...4.0 / 3
  /// Probability of mirroring.
  public var flipProbability = 0.5
  /// Probability of changing the colours.
  public var jitterProbability = 0.8
  /// Largest change of brightness, contrast, saturation and hue.
  public var jitterStrength = SIMD4(0.4, 0.4, 0.2, 0.1)
  /// Probability of grey.
  public var grayProbability = 0.2
  /// Probability of blurring the first and second global crop and the local crops.
  ///
  /// The released code blurs with one minus these.
  public var blurProbability = SIMD3(1.0, 0.1, 0.5)
  /// Smallest and largest standard deviation of the blur in pixels.
  public var blurSigma = 0.1...2.0
  /// Probability of inverting the bright values of the second global crop.
  public var solarizeProbability = 0.2
  /// The least value that is inverted.
  public var solarizeThreshold = 128

  /// Creates DINOv2's settings, with the probabilities of blurring that were meant.
  public init() {}

  /// The side of a crop.
  func side(of view: View) -> Int { view == .local ? localSize : globalSize }

  /// The share of the area of a crop.
  func scale(of view: View) -> ClosedRange<Double> { view == .local ? localScale : globalScale }
}
