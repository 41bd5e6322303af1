public import Imaging

/// The crops of an image: two global ones and some local ones, each distorted on its own.
///
/// What is drawn depends on the seed, the position of the image in the training and the number of the
/// crop, and on nothing else.
///
/// Source: Caron et al., 2020 (SwAV), section 3.3; `dinov2/data/augmentations.py` of the released
/// code.
public struct MultiCrop: Sendable {
  /// The probabilities and ranges.
  public let config: MultiCropConfig
  private let seed: UInt64

  /// Creates a source of crops.
  ///
  /// - Parameters:
  ///   - config: The probabilities and ranges.
  ///   - seed: Equal seeds give equal crops.
  public init(_ config: MultiCropConfig, seed: UInt64) {
    self.config = config
    self.seed = seed
  }

  /// Draws the crops of an image.
  ///
  /// - Parameters:
  ///   - size: The size of the image.
  ///   - position: Where in the training the image stands.
  /// - Returns: First the global crops, then the local ones.
  public func parameters(for size: Size, at position: Int) -> [ViewParameters] {
    config.views.enumerated().map { number, view in
      var random = ViewRandom(seed: seed, .crops, position, number)
      return ViewParameters(view, of: size, config, &random)
    }
  }

  /// Makes the crops of an image.
  ///
  /// - Parameters:
  ///   - image: The image; it may be smaller than the crops.
  ///   - position: Where in the training the image stands.
  /// - Returns: First the global crops, then the local ones.
  /// - Throws: `ImageError` if a side of the crops is not positive.
  public func callAsFunction(
    _ image: PixelBuffer, at position: Int
  ) throws(ImageError) -> [PixelBuffer] {
    var crops: [PixelBuffer] = []
    for parameters in parameters(for: image.size, at: position) {
      crops.append(try parameters(image))
    }
    return crops
  }

  /// Turns crops of one size into values.
  ///
  /// - Parameter crops: The crops.
  /// - Returns: `(value / 255 - mean) / std`, `[crops, 3, side, side]`.
  /// - Throws: `ImageError` if the crops differ in size.
  public func normalized(_ crops: some Collection<PixelBuffer>) throws(ImageError) -> [Float] {
    guard let length = crops.first?.storage.count else { return [] }
    var preprocessing = Preprocessing(resize: nil, crop: nil)
    preprocessing.mean = config.mean
    preprocessing.std = config.std
    var failure: ImageError?
    let count = crops.count * length
    let values = unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(ImageError) {
        for (number, crop) in crops.enumerated() {
          let part = number * length..<(number + 1) * length
          try unsafe preprocessing.normalize(
            crop, into: UnsafeMutableBufferPointer(rebasing: buffer[part]))
        }
        initialized = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return values
  }
}
