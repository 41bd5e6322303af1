internal import Foundation

/// How an image is resized.
///
/// The kernels are those of Pillow; when an image shrinks they are widened by
/// the scale, which averages over all pixels that fall into an output pixel.
public enum ResampleFilter: String, Sendable, Hashable, CaseIterable, Codable {
  /// The mean of the pixels under an output pixel; the nearest pixel when enlarging.
  case box
  /// Linear interpolation (a triangle).
  case bilinear
  /// A narrow Hamming-windowed sinc.
  case hamming
  /// Cubic interpolation with a = -0.5 (Catmull-Rom). The original's choice.
  case bicubic
  /// Sinc, windowed by a wider sinc, three lobes.
  case lanczos

  /// Half the width of the kernel, in input pixels.
  package var support: Double {
    switch self {
    case .box: 0.5
    case .bilinear, .hamming: 1
    case .bicubic: 2
    case .lanczos: 3
    }
  }

  /// The kernel's value at a distance, in input pixels.
  package func weight(at distance: Double) -> Double {
    let x = abs(distance)
    switch self {
    case .box:
      return distance > -0.5 && distance <= 0.5 ? 1 : 0
    case .bilinear:
      return x < 1 ? 1 - x : 0
    case .hamming:
      if x == 0 { return 1 }
      if x >= 1 { return 0 }
      let angle = x * Double.pi
      return sin(angle) / angle * (0.54 + 0.46 * cos(angle))
    case .bicubic:
      let a = -0.5
      if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
      return 0
    case .lanczos:
      return distance >= -3 && distance < 3 ? sinc(distance) * sinc(distance / 3) : 0
    }
  }

  private func sinc(_ x: Double) -> Double {
    if x == 0 { return 1 }
    let angle = x * Double.pi
    return sin(angle) / angle
  }
}
