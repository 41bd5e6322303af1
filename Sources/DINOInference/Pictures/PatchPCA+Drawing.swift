public import Imaging

extension PatchPCA.Colors {
  /// How much of the image shows where there is background.
  private static let backgroundLight: Float = 0.22
  /// How much the colours cover the foreground.
  private static let cover: Float = 0.62

  /// The colours with visible patches, as large as an image.
  ///
  /// - Parameter size: The size of the image.
  /// - Returns: The picture.
  /// - Throws: ``InferenceError/image(_:)`` if the size is not positive or too large.
  public func picture(of size: Size) throws(InferenceError) -> PixelBuffer {
    do throws(ImageError) {
      return try picture.resizedToNearest(size)
    } catch { throw .image(error) }
  }

  /// The image with the colours laid over the foreground and the background dimmed.
  ///
  /// - Parameter image: The image as the model saw it.
  /// - Returns: The picture, of the image's size.
  /// - Throws: ``InferenceError/image(_:)`` if the image is too large.
  public func overlay(on image: PixelBuffer) throws(InferenceError) -> PixelBuffer {
    do throws(ImageError) {
      let alpha = try ValueMap(isForeground.map { $0 ? 1 : 0 }, size: picture.size)
        .resized(to: image.size)
      var layers: [ValueMap] = []
      for channel in 0..<3 {
        // Premultiplied, so that no background colour bleeds into the edges of the foreground.
        let values = isForeground.indices.map { index in
          isForeground[index] ? Float(picture.storage[3 * index + channel]) : 0
        }
        layers.append(try ValueMap(values, size: picture.size).resized(to: image.size))
      }
      var bytes = image.storage
      for pixel in alpha.values.indices {
        let a = alpha.values[pixel]
        let keep = (1 - a) * Self.backgroundLight + a * (1 - Self.cover)
        for channel in 0..<3 {
          let value =
            keep * Float(bytes[3 * pixel + channel])
            + Self.cover * layers[channel].values[pixel]
          bytes[3 * pixel + channel] = UInt8(min(value.rounded(), 255))
        }
      }
      return try PixelBuffer(size: image.size, storage: bytes)
    } catch { throw .image(error) }
  }
}
