public import Imaging

extension PatchMatching {
  /// An image of a pair: what the model saw and where its patches lie.
  public struct View: Sendable {
    /// The image as the model saw it.
    public var image: PixelBuffer
    /// Where its patches lie.
    public var geometry: PatchGeometry

    /// Creates a view.
    ///
    /// - Parameters:
    ///   - image: The image as the model saw it.
    ///   - geometry: Where its patches lie.
    public init(image: PixelBuffer, geometry: PatchGeometry) {
      self.image = image
      self.geometry = geometry
    }
  }

  /// Draws both images side by side with a line for each pair.
  ///
  /// - Parameters:
  ///   - first: The first image.
  ///   - second: The second image.
  ///   - background: The colour between and around images of different heights.
  /// - Returns: The picture.
  /// - Throws: ``InferenceError/image(_:)`` if the picture would be too large.
  public func picture(
    _ first: View, _ second: View, background: RGB = RGB(247, 247, 245)
  ) throws(InferenceError) -> PixelBuffer {
    let gap = 16
    let height = max(first.image.height, second.image.height)
    let tops = ((height - first.image.height) / 2, (height - second.image.height) / 2)
    do throws(ImageError) {
      var picture = try PixelBuffer(
        size: Size(height: height, width: first.image.width + gap + second.image.width),
        fill: background)
      picture.paste(first.image, top: tops.0, left: 0)
      picture.paste(second.image, top: tops.1, left: first.image.width + gap)
      var ends: [(from: Point, to: Point, color: RGB)] = []
      for (index, match) in matches.enumerated() {
        var from = first.geometry.viewCenter(of: match.first)
        var to = second.geometry.viewCenter(of: match.second)
        from.row += Double(tops.0)
        to.row += Double(tops.1)
        to.column += Double(first.image.width + gap)
        ends.append((from, to, ColorMap.distinct(index)))
      }
      // The best pairs come last, on top of the others; dots lie on top of all lines.
      for (from, to, _) in ends.reversed() {
        picture.drawLine(from: from, to: to, color: .black, width: 3, opacity: 0.35)
      }
      for (from, to, color) in ends.reversed() {
        picture.drawLine(from: from, to: to, color: color, width: 1.6, opacity: 0.95)
      }
      for (from, to, color) in ends.reversed() {
        picture.drawMarker(center: from, radius: 5, color: color)
        picture.drawMarker(center: to, radius: 5, color: color)
      }
      return picture
    } catch { throw .image(error) }
  }
}

extension ColorMap {
  /// Bright colours for thin lines: the hue turns by the golden angle, so that neighbours differ.
  fileprivate static func distinct(_ index: Int) -> RGB {
    let turn = (Double(index) * 0.618_033_988_75).truncatingRemainder(dividingBy: 1)
    let lightness = [1.0, 0.78, 0.9][index % 3]
    func channel(_ offset: Double) -> UInt8 {
      let k = (offset + turn * 6).truncatingRemainder(dividingBy: 6)
      let level = lightness * (1 - 0.8 * max(min(k, 4 - k, 1), 0))
      return UInt8((255 * level).rounded())
    }
    return RGB(channel(5), channel(3), channel(1))
  }
}
