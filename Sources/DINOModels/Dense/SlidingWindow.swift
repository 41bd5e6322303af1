public import Torch

/// Windows of one size that cover an image, and the mean of what they give.
///
/// The last windows of a row or column are moved back into the image; an image smaller than the
/// window is one window. Source: `slide_inference` of mmsegmentation and of the released depther.
public struct SlidingWindow: Equatable, Sendable {
  /// The size of a window.
  public var crop: DenseSize
  /// The step from window to window, rows and columns.
  public var stride: DenseSize

  /// Creates windows; sizes below 1 count as 1.
  ///
  /// - Parameters:
  ///   - crop: The size of a window.
  ///   - stride: The step from window to window.
  public init(crop: DenseSize, stride: DenseSize) {
    self.crop = DenseSize(height: max(crop.height, 1), width: max(crop.width, 1))
    self.stride = DenseSize(height: max(stride.height, 1), width: max(stride.width, 1))
  }

  /// The published linear segmentation heads': 512 with step 341.
  public static let linear = SlidingWindow(crop: 512, stride: 341)
  /// The published multi-scale segmentation heads': 640 with step 320.
  public static let multiScale = SlidingWindow(crop: 640, stride: 320)

  private init(crop: Int, stride: Int) {
    self.init(
      crop: DenseSize(height: crop, width: crop), stride: DenseSize(height: stride, width: stride))
  }

  /// The rows and columns of each window, row by row.
  ///
  /// - Parameter size: The image's size.
  /// - Returns: The windows; all have one size.
  public func windows(in size: DenseSize) -> [(rows: Range<Int>, columns: Range<Int>)] {
    let rows = Self.ranges(size.height, crop.height, stride.height)
    let columns = Self.ranges(size.width, crop.width, stride.width)
    return rows.flatMap { rows in columns.map { (rows, $0) } }
  }

  private static func ranges(_ side: Int, _ crop: Int, _ stride: Int) -> [Range<Int>] {
    guard side > crop else { return [0..<side] }
    let steps = (side - crop + stride - 1) / stride
    return (0...steps).map { step in
      let end = min(step * stride + crop, side)
      return end - crop..<end
    }
  }

  /// The mean over the windows that hold a pixel.
  ///
  /// - Parameters:
  ///   - images: `[B, C, H, W]`.
  ///   - transform: Makes maps `[B, K, h, w]` of windows `[B, C, h, w]`.
  /// - Returns: `[B, K, H, W]`.
  /// - Throws: `TorchError` if a map has another size than its window; what `transform` throws.
  public func mean(
    over images: Tensor, _ transform: (Tensor) throws(TorchError) -> Tensor
  ) throws(TorchError) -> Tensor {
    let (_, _, h, w) = try images.shape4()
    let windows = windows(in: DenseSize(height: h, width: w))
    if windows.count == 1 { return try transform(images) }
    var sum: Tensor?
    let counts = try Tensor.zeros([1, 1, h, w], device: images.device)
    for (rows, columns) in windows {
      let map = try transform(
        images.narrow(dim: 2, rows).narrow(dim: 3, columns).contiguous())
      let (b, k, height, width) = try map.shape4()
      guard height == rows.count, width == columns.count else {
        throw TorchError(
          "sliding_window", "expected a map of \(rows.count) × \(columns.count)",
          operands: [map.typeDescription])
      }
      if sum == nil {
        sum = try .zeros([b, k, h, w], dtype: map.dtype ?? .float32, device: map.device)
      }
      try sum?.narrow(dim: 2, rows).narrow(dim: 3, columns).add(inPlace: map)
      let seen = try counts.narrow(dim: 2, rows).narrow(dim: 3, columns)
      try seen.add(inPlace: .ones([1], device: images.device))
    }
    guard let sum else { throw TorchError("sliding_window", "no windows") }
    return try sum / counts.to(dtype: sum.dtype ?? .float32)
  }
}
