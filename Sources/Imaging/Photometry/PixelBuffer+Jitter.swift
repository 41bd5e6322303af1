internal import CResample

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
    var result = self
    result.withUnsafeMutableBytes { bytes in
      cr_saturate(bytes.baseAddress, bytes.count / 3, Float(factor))
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
      cr_turn_hue(bytes.baseAddress, bytes.count / 3, turn)
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
