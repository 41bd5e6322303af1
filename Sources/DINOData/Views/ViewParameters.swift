internal import Foundation
public import Imaging

/// Everything that was drawn for one crop.
public struct ViewParameters: Equatable, Sendable {
  /// A change of colours.
  public enum Jitter: Equatable, Sendable {
    case brightness(Double)
    case contrast(Double)
    case saturation(Double)
    case hue(Double)
  }

  /// The part of the image.
  public var box: Region
  /// The side of the crop in pixels.
  public var side: Int
  /// Whether it is mirrored.
  public var isFlipped = false
  /// Changes of colours, in their order.
  public var jitter: [Jitter] = []
  /// Whether it is grey.
  public var isGray = false
  /// Standard deviation of the blur in pixels; nil for none.
  public var sigma: Double?
  /// The least value that is inverted; nil for none.
  public var solarizeThreshold: Int?

  /// Creates a crop without distortions.
  ///
  /// - Parameters:
  ///   - box: The part of the image.
  ///   - side: The side of the crop in pixels.
  public init(box: Region, side: Int) {
    self.box = box
    self.side = side
  }

  /// Draws a crop; the order of the draws is that of the original.
  ///
  /// - Parameters:
  ///   - view: Which kind of crop.
  ///   - size: The size of the image.
  ///   - config: The probabilities and ranges.
  ///   - random: The draws.
  package init<Source: DrawSource>(
    _ view: MultiCropConfig.View, of size: Size, _ config: MultiCropConfig,
    _ random: inout Source
  ) {
    self.init(
      box: .randomCrop(of: size, scale: config.scale(of: view), aspect: config.aspect, &random),
      side: config.side(of: view))
    isFlipped = random.chance(config.flipProbability)
    if random.chance(config.jitterProbability) {
      jitter = Self.jitter(config.jitterStrength, &random)
    }
    isGray = random.chance(config.grayProbability)
    if random.chance(config.blurs(view)) {
      sigma = random.uniform(config.blurSigma.lowerBound, config.blurSigma.upperBound)
    }
    if view == .secondGlobal, random.chance(config.solarizeProbability) {
      solarizeThreshold = config.solarizeThreshold
    }
  }

  private static func jitter<Source: DrawSource>(
    _ strength: SIMD4<Double>, _ random: inout Source
  ) -> [Jitter] {
    let order = random.order(4)
    let factors = (0..<3).map { random.uniform(max(0, 1 - strength[$0]), 1 + strength[$0]) }
    let turn = random.uniform(-strength[3], strength[3])
    let all: [Jitter] = [
      .brightness(factors[0]), .contrast(factors[1]), .saturation(factors[2]), .hue(turn),
    ]
    return order.map { all[$0] }
  }

  /// Makes the crop: cut and resize, mirror, colours, grey, blur, invert.
  ///
  /// - Parameter image: The image that the box was drawn for.
  /// - Returns: The crop, `side × side`.
  /// - Throws: `ImageError` if the box does not lie in the image.
  public func callAsFunction(_ image: PixelBuffer) throws(ImageError) -> PixelBuffer {
    var crop = try image.resizedCrop(box, to: Size(height: side, width: side))
    if isFlipped { crop = crop.flippedHorizontally() }
    for change in jitter {
      crop =
        switch change {
        case .brightness(let factor): crop.withBrightness(factor)
        case .contrast(let factor): crop.withContrast(factor)
        case .saturation(let factor): crop.withSaturation(factor)
        case .hue(let turn): crop.withHue(turn)
        }
    }
    if isGray { crop = crop.grayscaled() }
    if let sigma { crop = try crop.gaussianBlurred(sigma: sigma) }
    if let solarizeThreshold { crop = crop.solarized(threshold: solarizeThreshold) }
    return crop
  }
}

extension Region {
  private static let attempts = 10

  /// Draws a part of an image; if ten draws do not fit, the largest centred part of an allowed ratio.
  ///
  /// Source: Szegedy et al., 2015, section 6, as `RandomResizedCrop` of torchvision draws it.
  ///
  /// - Parameters:
  ///   - size: The size of the image.
  ///   - scale: Smallest and largest share of the area.
  ///   - aspect: Smallest and largest ratio of width to height.
  ///   - random: The draws.
  /// - Returns: The part.
  package static func randomCrop<Source: DrawSource>(
    of size: Size, scale: ClosedRange<Double>, aspect: ClosedRange<Double>, _ random: inout Source
  ) -> Region {
    let area = Double(size.height) * Double(size.width)
    for _ in 0..<attempts {
      let target = area * random.uniform(scale.lowerBound, scale.upperBound)
      let ratio = exp(random.uniform(log(aspect.lowerBound), log(aspect.upperBound)))
      let sides = (
        height: (target / ratio).squareRoot().rounded(.toNearestOrEven),
        width: (target * ratio).squareRoot().rounded(.toNearestOrEven)
      )
      // Compared before conversion, so that an odd ratio cannot trap.
      guard sides.width > 0, sides.width <= Double(size.width), sides.height > 0,
        sides.height <= Double(size.height)
      else { continue }
      let (height, width) = (Int(sides.height), Int(sides.width))
      return Region(
        top: random.integer(0...size.height - height),
        left: random.integer(0...size.width - width), height: height, width: width)
    }
    return centralCrop(of: size, aspect: aspect)
  }

  /// The largest centred part of an allowed ratio.
  ///
  /// - Parameters:
  ///   - size: The size of the image.
  ///   - aspect: Smallest and largest ratio of width to height.
  /// - Returns: The part.
  package static func centralCrop(of size: Size, aspect: ClosedRange<Double>) -> Region {
    var (height, width) = (size.height, size.width)
    let ratio = Double(width) / Double(height)
    if ratio < aspect.lowerBound {
      height = Int((Double(width) / aspect.lowerBound).rounded(.toNearestOrEven))
    } else if ratio > aspect.upperBound {
      width = Int((Double(height) * aspect.upperBound).rounded(.toNearestOrEven))
    }
    return Region(
      top: (size.height - height) / 2, left: (size.width - width) / 2, height: height,
      width: width)
  }
}
