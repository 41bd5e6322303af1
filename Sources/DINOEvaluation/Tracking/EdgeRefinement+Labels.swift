internal import DINOInference
internal import DINOModels
internal import Imaging

extension EdgeRefinement {
  /// The class of each pixel, its borders fitted to the edges of the image.
  ///
  /// - Parameters:
  ///   - labels: The labels of patches, which cover the image.
  ///   - objects: The labels of classes 1, 2, …
  ///   - image: The image.
  /// - Returns: The map, of the image's size.
  /// - Throws: ``InferenceError`` if the image cannot be resized.
  func labels(
    of labels: PatchLabels, objects: [UInt16], on image: PixelBuffer
  ) throws(InferenceError) -> ValueImage {
    let canvas = try canvas(of: image, rows: labels.grid.height)
    let count = canvas.size.height * canvas.size.width
    var classes = [Int](repeating: 0, count: count)
    var confidence = [Float](repeating: 0, count: count)
    labels.forEachPixel(at: canvas.size) { pixel, label, lead in
      classes[pixel] = label
      confidence[pixel] = lead * lead + Self.leastConfidence
    }
    // One class after the other, so that memory does not grow with their number. All are divided by the
    // same smoothed confidence, so that none needs to be.
    var best = [Float](repeating: -1, count: count)
    var values = [UInt16](repeating: 0, count: count)
    for (label, object) in ([0] + objects).enumerated() {
      let smooth = canvas.smoothed(
        classes.indices.map { classes[$0] == label ? confidence[$0] : 0 })
      for (pixel, value) in smooth.enumerated() where value > best[pixel] {
        (best[pixel], values[pixel]) = (value, object)
      }
    }
    do throws(ImageError) {
      return try ValueImage(values, size: canvas.size).resizedToNearest(image.size)
    } catch { throw .image(error) }
  }
}
