public import Imaging

/// A drawn scene: the picture and what is known about each pixel.
public struct SceneImage: Sendable, Equatable {
  /// A visible object with a class.
  public struct Box: Sendable, Equatable {
    /// An index into ``Scene/classNames``.
    public let classIndex: Int
    /// The object's value in ``SceneImage/instances``.
    public let instance: Int
    /// The tight box around the visible pixels.
    public let region: Region
    /// The number of visible pixels.
    public let area: Int
  }

  /// The picture.
  public let image: PixelBuffer
  /// The class index of the main object, an index into ``Scene/classNames``.
  public let classIndex: Int
  /// What each pixel shows, `[height, width]`: 0 background, otherwise class index + 1; clutter is
  /// background.
  public let mask: [UInt8]
  /// Which object each pixel shows, `[height, width]`: 0 background, otherwise a number of its own;
  /// clutter counts as an object.
  public let instances: [UInt8]
  /// Metres along the camera's axis, `[height, width]`; 0 = unknown (sky).
  public let depth: [Float]
  /// The objects with a class of which at least one pixel in a thousand is visible, far to near.
  public let boxes: [Box]
}

extension SceneCanvas {
  /// Develops the picture and collects the ground truth.
  consuming func finished() throws(ImageError) -> SceneImage {
    var mask = [UInt8](repeating: 0, count: owner.count)
    var extents = [Extent](repeating: Extent(), count: scene.items.count)
    for row in 0..<height {
      for column in 0..<width {
        let index = row * width + column
        guard owner[index] > 0 else { continue }
        let item = Int(owner[index]) - 1
        extents[item].add(row: row, column: column)
        if let label = scene.items[item].classIndex {
          mask[index] = UInt8(truncatingIfNeeded: label + 1)
        }
      }
    }
    let least = max(4, height * width / 1_000)
    let boxes = zip(scene.items, extents).enumerated().compactMap {
      number, pair -> SceneImage.Box? in
      let (item, extent) = pair
      guard let label = item.classIndex, extent.area >= least else { return nil }
      return SceneImage.Box(
        classIndex: label, instance: number + 1,
        region: Region(
          top: extent.top, left: extent.left, height: extent.bottom - extent.top + 1,
          width: extent.right - extent.left + 1), area: extent.area)
    }
    let image = try PixelBuffer(
      size: Size(height: height, width: width), storage: developed())
    return SceneImage(
      image: image, classIndex: scene.classIndex, mask: mask, instances: owner, depth: depth,
      boxes: boxes)
  }

  /// The rows and columns that an object covers.
  private struct Extent {
    var left = Int.max
    var right = 0
    var top = Int.max
    var bottom = 0
    var area = 0

    mutating func add(row: Int, column: Int) {
      left = min(left, column)
      right = max(right, column)
      top = min(top, row)
      bottom = max(bottom, row)
      area += 1
    }
  }

  /// The picture in bytes: exposure, vignette, a soft shoulder, gamma 2 and grain.
  private func developed() -> [UInt8] {
    var pixels = [UInt8](repeating: 0, count: height * width * 3)
    let lighting = scene.light
    let seed = scene.noiseSeed &+ 1_234
    for row in 0..<height {
      let v = v(row)
      for column in 0..<width {
        let u = u(column)
        let index = row * width + column
        let fade = lighting.exposure * (1 - lighting.vignette * min(1, (u * u + v * v) * 1.4))
        var color = light[index] * fade
        color.clamp(lowerBound: Color(), upperBound: Color(repeating: 8))
        // x (1 + x/4) / (1 + x): 1 maps to 0.62, bright lights do not burn out at once.
        color = color * 1.55 * (1 + color * 0.25) / (1 + color)
        let noise =
          (Noise.unit(Int32(truncatingIfNeeded: column), Int32(truncatingIfNeeded: row), seed)
            - 0.5) * 2 * lighting.grain
        let value = (color.squareRoot() + noise) * 255 + 0.5
        let bytes = value.clamped(lowerBound: Color(), upperBound: Color(repeating: 255))
        pixels[index * 3] = UInt8(bytes.x)
        pixels[index * 3 + 1] = UInt8(bytes.y)
        pixels[index * 3 + 2] = UInt8(bytes.z)
      }
    }
    return pixels
  }
}
