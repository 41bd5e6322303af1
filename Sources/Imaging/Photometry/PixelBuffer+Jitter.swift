internal import Glibc

// The colour operations of the augmentation, byte for byte those of Pillow (`ImageEnhance`, HSV), as torchvision
// calls them on images.

extension PixelBuffer {
  /// Applies a function to every byte.
  fileprivate func mapped(_ change: (UInt8) -> UInt8) -> PixelBuffer {
    let table = (0...255).map { change(UInt8($0)) }
    var result = self
    result.withUnsafeMutableBytes { bytes in
      table.withUnsafeBufferPointer { table in
        for index in bytes.indices { bytes[index] = table[Int(bytes[index])] }
      }
    }
    return result
  }

  /// The image with another brightness: a blend with black.
  ///
  /// - Parameter factor: 0 gives black, 1 the image, more a brighter one.
  /// - Returns: The changed image.
  public func withBrightness(_ factor: Double) -> PixelBuffer {
    let factor = Float(factor)
    return mapped { mixed(from: 0, to: $0, factor) }
  }

  /// The image with another contrast: a blend with the mean grey, rounded.
  ///
  /// - Parameter factor: 0 gives grey, 1 the image, more a harder one.
  /// - Returns: The changed image.
  public func withContrast(_ factor: Double) -> PixelBuffer {
    let sum = withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 3).reduce(0) { $0 + Int(luma(bytes, $1)) }
    }
    let mean = UInt8(min(Int(Double(sum) / Double(height * width) + 0.5), 255))
    let factor = Float(factor)
    return mapped { mixed(from: mean, to: $0, factor) }
  }

  /// The image with another saturation: a blend with its grey form.
  ///
  /// - Parameter factor: 0 gives grey, 1 the image, more a more colourful one.
  /// - Returns: The changed image.
  public func withSaturation(_ factor: Double) -> PixelBuffer {
    let factor = Float(factor)
    var result = self
    result.withUnsafeMutableBytes { bytes in
      for index in stride(from: 0, to: bytes.count, by: 3) {
        let gray = luma(UnsafeBufferPointer(bytes), index)
        for channel in index..<index + 3 {
          bytes[channel] = mixed(from: gray, to: bytes[channel], factor)
        }
      }
    }
    return result
  }

  /// The image with its hues turned.
  ///
  /// - Parameter factor: The turn, -0.5 to 0.5 of the whole circle.
  /// - Returns: The changed image.
  public func withHue(_ factor: Double) -> PixelBuffer {
    let steps = factor.isNaN ? 0 : Int(min(max(factor, -1), 1) * 255)
    let turn = UInt8(truncatingIfNeeded: steps)
    var result = self
    result.withUnsafeMutableBytes { bytes in
      for index in stride(from: 0, to: bytes.count, by: 3) {
        var color = HueColor(bytes[index], bytes[index + 1], bytes[index + 2])
        color.hue &+= turn
        (bytes[index], bytes[index + 1], bytes[index + 2]) = color.rgb
      }
    }
    return result
  }

  /// The image in grey, by the weights of ITU-R 601.
  public func grayscaled() -> PixelBuffer {
    var result = self
    result.withUnsafeMutableBytes { bytes in
      for index in stride(from: 0, to: bytes.count, by: 3) {
        let gray = luma(UnsafeBufferPointer(bytes), index)
        for channel in index..<index + 3 { bytes[channel] = gray }
      }
    }
    return result
  }

  /// The image with its bright values inverted.
  ///
  /// - Parameter threshold: The least value that is inverted.
  /// - Returns: The changed image.
  public func solarized(threshold: Int = 128) -> PixelBuffer {
    mapped { Int($0) >= threshold ? 255 - $0 : $0 }
  }
}

/// Grey of a pixel, weights in 16 bits after the point.
private func luma(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int) -> UInt8 {
  let sum = Int(bytes[index]) * 19_595 + Int(bytes[index + 1]) * 38_470
  return UInt8((sum + Int(bytes[index + 2]) * 7_471 + 0x8000) >> 16)
}

/// A blend in single precision, rounded down and clipped.
private func mixed(from first: UInt8, to second: UInt8, _ factor: Float) -> UInt8 {
  let value = Float(first) + factor * (Float(second) - Float(first))
  return value > 0 ? (value >= 255 ? 255 : UInt8(value)) : 0
}

/// Hue, saturation and value in 8 bits each, as in Pillow's mode HSV.
private struct HueColor {
  var hue: UInt8
  let saturation: UInt8
  let value: UInt8

  init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    let (high, low) = (max(red, green, blue), min(red, green, blue))
    value = high
    guard high > low else {
      (hue, saturation) = (0, 0)
      return
    }
    let range = Float(high - low)
    let (r, g, b) = (
      Float(high - red) / range, Float(high - green) / range, Float(high - blue) / range
    )
    let sector: Float =
      if red == high { b - g } else if green == high { Float(2 + Double(r) - Double(b)) } else {
        Float(4 + Double(g) - Double(r))
      }
    // Sixths of the circle; a negative one is a turn later.
    let wound = Double(sector) / 6 + 1
    let turn = Float(wound >= 1 ? wound - 1 : wound)
    hue = UInt8(min(max(Int(Double(turn) * 255), 0), 255))
    saturation = UInt8(min(Int(Double(range / Float(high)) * 255), 255))
  }

  var rgb: (UInt8, UInt8, UInt8) {
    if saturation == 0 { return (value, value, value) }
    let position = Double(hue) * 6 / 255
    let sector = Int(position)
    let fraction = Float(position - Double(sector))
    let strength = Float(Double(saturation) / 255)
    func level(_ share: Double) -> UInt8 {
      UInt8(min(max(Int(Double(value) * (1 - share) + 0.5), 0), 255))
    }
    let low = level(Double(strength))
    let falling = level(Double(strength * fraction))
    let rising = level(Double(strength) * (1 - Double(fraction)))
    return switch sector % 6 {
    case 0: (value, rising, low)
    case 1: (falling, value, low)
    case 2: (low, value, rising)
    case 3: (low, falling, value)
    case 4: (rising, low, value)
    default: (value, low, falling)
    }
  }
}
