internal import Imaging

/// How the crops of an image are drawn and distorted.
///
/// Source: Caron et al., 2021, appendix; Grill et al., 2020, table 6; Oquab et al., 2023, appendix
/// B.1.
public struct MultiCropConfig: Equatable, Sendable {
  /// The three kinds of crops, which differ in their distortions.
  public enum View: Int, CaseIterable, Sendable {
    case firstGlobal, secondGlobal, local
  }

  /// How the probabilities of blurring are read.
  public enum BlurRule: String, CaseIterable, Sendable {
    /// As they are declared.
    case declared
    /// As one minus them, as the released code does.
    ///
    /// Source: `GaussianBlur` in `dinov2/data/transforms.py`.
    case original
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
  /// Declared probability of blurring the first and second global crop and the local crops.
  public var blurProbability = SIMD3(1.0, 0.1, 0.5)
  /// How ``blurProbability`` is read.
  public var blurRule = BlurRule.declared
  /// Smallest and largest standard deviation of the blur in pixels.
  public var blurSigma = 0.1...2.0
  /// Probability of inverting the bright values of the second global crop.
  public var solarizeProbability = 0.2
  /// The least value that is inverted.
  public var solarizeThreshold = 128
  /// The mean that is taken from each channel, in units of 0 to 1.
  public var mean = Preprocessing.dinov2.mean
  /// The standard deviation by which each channel is divided, in units of 0 to 1.
  public var std = Preprocessing.dinov2.std

  /// Creates DINOv2's settings, with the probabilities of blurring that were meant.
  public init() {}

  /// The side of a crop.
  func side(of view: View) -> Int { view == .local ? localSize : globalSize }

  /// The kinds of an image's crops, in order.
  var views: [View] {
    [.firstGlobal, .secondGlobal] + Array(repeating: .local, count: localCount)
  }

  /// The probability with which a kind of crop is blurred.
  func blurs(_ view: View) -> Double {
    let declared = blurProbability[view.rawValue]
    return blurRule == .declared ? declared : 1 - declared
  }

  /// The share of the area of a crop.
  func scale(of view: View) -> ClosedRange<Double> { view == .local ? localScale : globalScale }
}
