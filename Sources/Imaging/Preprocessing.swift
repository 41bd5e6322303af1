/// How an image becomes the input of a model: resize, crop, normalise.
///
/// The shorter side is resized, the centre is cut out, and each channel becomes
/// `(value / 255 - mean) / std` in single precision.
public struct Preprocessing: Sendable, Hashable {
  /// Who rounds the place of the centre crop.
  public enum Rounding: String, Sendable, Codable {
    /// As torchvision: `round((size - crop) / 2)`, halves to even.
    case torchvision
    /// As Hugging Face's image processor: `(size - crop) / 2` rounded down.
    case huggingFace
  }

  /// The length to which the shorter side is resized; nil leaves the size.
  public var resize: Int?
  /// The size of the centre crop; nil cuts to whole patches.
  public var crop: Size?
  /// How the image is resized.
  public var filter = ResampleFilter.bicubic
  /// The mean per channel, in units of 0 to 1.
  public var mean = SIMD3<Float>(0.485, 0.456, 0.406)
  /// The standard deviation per channel, in units of 0 to 1.
  public var std = SIMD3<Float>(0.229, 0.224, 0.225)
  /// Who rounds the place of the centre crop.
  public var rounding = Rounding.torchvision
  /// The sides of the result are multiples of this where no crop is given.
  public var patchSize = 14

  /// Creates a preprocessing with the mean and standard deviation of ImageNet.
  ///
  /// - Parameters:
  ///   - resize: The length to which the shorter side is resized; nil leaves the size.
  ///   - crop: The size of the centre crop; nil cuts to whole patches.
  public init(resize: Int?, crop: Size?) {
    self.resize = resize
    self.crop = crop
  }

  /// The original's: shorter side 256, crop 224, bicubic.
  public static let dinov2 = Preprocessing(
    resize: 256, crop: Size(height: 224, width: 224))

  /// That of the model folders at Hugging Face: as ``dinov2``, but the crop's place is rounded down.
  public static let huggingFace: Preprocessing = {
    var result = Preprocessing.dinov2
    result.rounding = .huggingFace
    return result
  }()

  /// That of timm's models: shorter side 518, crop 518, bicubic.
  public static let timm518 = Preprocessing(resize: 518, crop: Size(height: 518, width: 518))

  /// Where the result comes from.
  public struct Plan: Sendable, Hashable {
    /// The size to which the whole image is resized.
    public var resized: Size
    /// The part of the resized image that is kept; may reach beyond it, where black is filled in.
    public var window: Region
  }

  /// The size of the result for an image of a size.
  ///
  /// - Parameter size: The image's size.
  /// - Returns: Height and width of the result.
  /// - Throws: ``ImageError/usage(problem:)`` if nothing is left, or a setting is out of range.
  public func outputSize(for size: Size) throws(ImageError) -> Size {
    try plan(for: size).window.size
  }

  /// Says to what size an image is resized and which window of that is kept.
  ///
  /// - Parameter size: The image's size.
  /// - Returns: The plan.
  /// - Throws: ``ImageError/usage(problem:)`` if nothing is left, or a setting is out of range.
  public func plan(for size: Size) throws(ImageError) -> Plan {
    let resized = try resizedSize(of: size)
    let window: Size
    if let crop {
      window = crop
    } else {
      guard patchSize > 0 else {
        throw .usage(problem: "the patch size is \(patchSize); it must be at least 1")
      }
      window = Size(
        height: resized.height / patchSize * patchSize,
        width: resized.width / patchSize * patchSize)
    }
    guard window.height > 0, window.width > 0, window.height <= 65_535, window.width <= 65_535
    else {
      throw .usage(
        problem: "an image of \(size), resized to \(resized), gives a crop of \(window); its sides "
          + "must be 1 to 65535 (without crop at least one patch of \(patchSize)). Set resize or crop"
      )
    }
    return Plan(
      resized: resized,
      window: Region(
        top: offset(resized.height, window.height), left: offset(resized.width, window.width),
        height: window.height, width: window.width))
  }

  private func resizedSize(of size: Size) throws(ImageError) -> Size {
    guard size.height > 0, size.width > 0, size.pixels != nil else {
      throw .usage(problem: "an image of \(size) cannot be preprocessed")
    }
    guard let resize else { return size }
    let (short, long) = (size.shorterSide, max(size.height, size.width))
    let (product, overflow) = resize.multipliedReportingOverflow(by: long)
    guard resize > 0, resize <= 65_535, !overflow, product <= 1 << 52 else {
      throw .usage(problem: "resize is \(resize); expected 1 to 65535")
    }
    let longer = Int(Double(product) / Double(short))
    return size.height <= size.width
      ? Size(height: resize, width: longer) : Size(height: longer, width: resize)
  }

  /// Where a centred window begins; negative if it is larger than the image.
  private func offset(_ length: Int, _ window: Int) -> Int {
    let spare = length - window
    if spare < 0 {
      // torchvision pads the smaller half in front, Hugging Face the larger one.
      return rounding == .torchvision ? -(-spare / 2) : -((1 - spare) / 2)
    }
    if rounding == .huggingFace || crop == nil { return spare / 2 }
    return Int((Double(spare) / 2).rounded(.toNearestOrEven))
  }

  /// The resized and cropped image, before normalisation.
  ///
  /// - Parameter image: The image.
  /// - Returns: The part that the model sees.
  /// - Throws: ``ImageError/usage(problem:)`` as ``plan(for:)``.
  public func crop(_ image: PixelBuffer) throws(ImageError) -> PixelBuffer {
    let plan = try plan(for: image.size)
    let (window, resized) = (plan.window, plan.resized)
    if window.lies(in: resized) {
      return try image.resized(to: resized, filter: filter, cropping: window)
    }
    let (top, left) = (max(window.top, 0), max(window.left, 0))
    let inner = Region(
      top: top, left: left,
      height: min(window.top + window.height, resized.height) - top,
      width: min(window.left + window.width, resized.width) - left)
    let part = try image.resized(to: resized, filter: filter, cropping: inner)
    var result = try PixelBuffer(size: window.size, fill: .black)
    result.paste(part, top: inner.top - window.top, left: inner.left - window.left)
    return result
  }

  /// Resizes, crops and normalises an image.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - target: Takes the result, `[3, height, width]` of ``outputSize(for:)``, float32.
  /// - Returns: The resized and cropped image, for display.
  /// - Throws: ``ImageError/usage(problem:)`` as ``plan(for:)``, or if the target has another size.
  @discardableResult
  public func callAsFunction(
    _ image: PixelBuffer, into target: UnsafeMutableBufferPointer<Float>
  ) throws(ImageError) -> PixelBuffer {
    let result = try crop(image)
    try normalize(result, into: target)
    return result
  }

  /// Normalises an image of the right size.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - target: Takes the values, `[3, height, width]`, float32.
  /// - Throws: ``ImageError/usage(problem:)`` if the target has another size.
  public func normalize(
    _ image: PixelBuffer, into target: UnsafeMutableBufferPointer<Float>
  ) throws(ImageError) {
    let pixels = image.height * image.width
    guard target.count == 3 * pixels else {
      throw .usage(
        problem:
          "an image of \(image.size) needs \(3 * pixels) values, the target has \(target.count)")
    }
    // Every value that a channel can take, computed once: 8 bits have only 256.
    let tables = (0..<3).map { channel in
      (0...255).map { (Float($0) / 255 - mean[channel]) / std[channel] }
    }
    image.withUnsafeBytes { bytes in
      for channel in 0..<3 {
        tables[channel].withUnsafeBufferPointer { table in
          let plane = UnsafeMutableBufferPointer(
            rebasing: target[channel * pixels..<(channel + 1) * pixels])
          for index in 0..<pixels { plane[index] = table[Int(bytes[3 * index + channel])] }
        }
      }
    }
  }
}
