import DINOData
import DINOInference
import Imaging

/// Draws boxes with labels over an image.
enum DetectionPicture {
  /// The shorter side from which on labels are legible.
  private static let leastSide = 640

  /// The image, enlarged if it is small, with a box and a label for each object.
  ///
  /// - Parameters:
  ///   - objects: The objects; the first are drawn on top.
  ///   - image: The image.
  /// - Returns: The picture.
  /// - Throws: `ImageError` if the picture would be too large.
  static func draw(_ objects: [DetectedObject], over image: PixelBuffer) throws -> PixelBuffer {
    let wanted = (leastSide + image.size.shorterSide - 1) / image.size.shorterSide
    // A long narrow image must not become huge.
    let limit = max(4096 / max(image.height, image.width), 1)
    let factor = min(max(wanted, 1), limit)
    var picture =
      factor == 1
      ? image
      : try image.resized(
        to: Size(height: factor * image.height, width: factor * image.width), filter: .bicubic)
    let scale = Double(factor)
    let style = TextStyle(scale: 1.6, color: .white)
    for object in objects.reversed() {
      let region = Region(
        top: Int((object.box.top * scale).rounded()),
        left: Int((object.box.left * scale).rounded()),
        height: max(Int((object.box.height * scale).rounded()), 1),
        width: max(Int((object.box.width * scale).rounded()), 1))
      picture.drawRectangle(region, color: ColorMap.categorical(object.classIndex), width: 2)
    }
    // All labels lie over all boxes.
    for object in objects.reversed() {
      let text = "\(object.label) \(percent(object.score))"
      let size = style.size(of: text)
      let height = size.height + Int(2 * style.scale)
      let above = Int((object.box.top * scale).rounded()) - height
      let left = min(
        Int((object.box.left * scale).rounded()),
        max(picture.width - size.width - Int(4 * style.scale), 0))
      picture.drawLabel(
        text, top: max(above, 0), left: left, style: style,
        plate: ColorMap.categorical(object.classIndex), opacity: 0.85)
    }
    return picture
  }
}
