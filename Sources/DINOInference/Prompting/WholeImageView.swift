public import DINOModels
public import Imaging

/// An image as a model sees the whole of it: nothing is cut off.
///
/// Each side is resized to the nearest multiple of the patch side, so that proportions change a little.
/// Patches therefore tile the image, and a place of the one is a place of the other times a constant.
public struct WholeImageView: Sendable, Equatable {
  /// The size of the image.
  public let imageSize: Size
  /// The side of a patch, pixels.
  public let patchSize: Int
  /// The grid of patches.
  public let grid: PatchGrid

  /// The most patches along a side.
  private static let mostPatches = 4096

  /// Plans a view.
  ///
  /// - Parameters:
  ///   - imageSize: The size of the image.
  ///   - shorterSide: To about how many pixels the shorter side is resized.
  ///   - patchSize: The side of a patch, pixels.
  /// - Throws: ``InferenceError/usage(problem:)`` if a size is not positive or the view would be too large.
  public init(imageSize: Size, shorterSide: Int, patchSize: Int) throws(InferenceError) {
    guard imageSize.shorterSide > 0, shorterSide > 0, patchSize > 0 else {
      throw .usage(problem: "an image of \(imageSize) cannot be seen at \(shorterSide) pixels")
    }
    let scale = Double(shorterSide) / Double(imageSize.shorterSide) / Double(patchSize)
    func patches(_ length: Int) -> Double { max((Double(length) * scale).rounded(), 1) }
    let (rows, columns) = (patches(imageSize.height), patches(imageSize.width))
    guard max(rows, columns) <= Double(Self.mostPatches) else {
      throw .usage(
        problem: "an image of \(imageSize), resized to \(shorterSide) pixels, gives "
          + "\(max(rows, columns)) patches along a side; at most \(Self.mostPatches) are possible, "
          + "take a smaller size")
    }
    self.imageSize = imageSize
    self.patchSize = patchSize
    grid = PatchGrid(height: Int(rows), width: Int(columns))
  }

  /// The size of the view.
  public var size: Size {
    Size(height: grid.height * patchSize, width: grid.width * patchSize)
  }

  /// The patch at a place of the image, an index into the grid; nil outside the image.
  ///
  /// - Parameter place: The place, in pixels of the image.
  /// - Returns: The patch.
  public func patch(at place: Point) -> Int? {
    let (height, width) = (Double(imageSize.height), Double(imageSize.width))
    guard place.row >= 0, place.column >= 0, place.row < height, place.column < width else {
      return nil
    }
    let row = min(Int(place.row / height * Double(grid.height)), grid.height - 1)
    let column = min(Int(place.column / width * Double(grid.width)), grid.width - 1)
    return row * grid.width + column
  }

  /// The image as the model sees it, before normalisation.
  ///
  /// - Parameter image: An image of ``imageSize``.
  /// - Returns: The resized image.
  /// - Throws: ``InferenceError`` if the image has another size.
  public func callAsFunction(_ image: PixelBuffer) throws(InferenceError) -> PixelBuffer {
    guard image.size == imageSize else {
      throw .usage(problem: "an image of \(image.size) was given for a view of \(imageSize)")
    }
    do throws(ImageError) {
      return try image.resized(to: size, filter: .bicubic)
    } catch { throw .image(error) }
  }
}

extension DINOv2 {
  /// The patch tokens of a whole image.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - view: How the model sees it.
  /// - Returns: The tokens on the view's grid.
  /// - Throws: ``InferenceError`` if the image has another size than the view's.
  public func patches(
    of image: PixelBuffer, seenAs view: WholeImageView
  ) throws(InferenceError) -> PatchMap {
    var preprocessing = preprocessing
    preprocessing.resize = nil
    preprocessing.crop = nil
    preprocessing.patchSize = config.patchSize
    return try features(of: view(image), preprocessing).patches
  }
}
