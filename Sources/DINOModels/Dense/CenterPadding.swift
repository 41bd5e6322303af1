public import Torch

/// Zeros around images, so that their sides are multiples of the patch side.
///
/// Left and top get the smaller half. Source: `CenterPadding` of the released code; images are padded
/// after normalisation.
public struct CenterPadding: Equatable, Sendable {
  /// What is added on each side, in pixels.
  public struct Margins: Equatable, Sendable {
    /// Rows above.
    public var top: Int
    /// Rows below.
    public var bottom: Int
    /// Columns to the left.
    public var left: Int
    /// Columns to the right.
    public var right: Int
  }

  /// Sides become multiples of this.
  public let multiple: Int

  /// Creates a padding; a number below 1 counts as 1, which pads nothing.
  ///
  /// - Parameter multiple: The patch side.
  public init(multiple: Int) {
    self.multiple = max(multiple, 1)
  }

  /// What is added to an image.
  ///
  /// - Parameters:
  ///   - height: The image's rows.
  ///   - width: The image's columns.
  /// - Returns: The margins.
  public func margins(height: Int, width: Int) -> Margins {
    func missing(_ side: Int) -> Int { (multiple - side % multiple) % multiple }
    let (rows, columns) = (missing(height), missing(width))
    return Margins(
      top: rows / 2, bottom: rows - rows / 2, left: columns / 2, right: columns - columns / 2)
  }

  /// Pads a batch of images.
  ///
  /// - Parameter images: `[B, C, H, W]`, not empty.
  /// - Returns: `[B, C, H', W']`.
  /// - Throws: `TorchError` for another rank or an empty image.
  public func callAsFunction(_ images: Tensor) throws(TorchError) -> Tensor {
    let (_, _, h, w) = try images.shape4()
    guard h > 0, w > 0 else {
      throw TorchError("center_padding", "empty image", operands: [images.typeDescription])
    }
    let margins = margins(height: h, width: w)
    guard margins != Margins(top: 0, bottom: 0, left: 0, right: 0) else { return images }
    return try images.padded([margins.left, margins.right, margins.top, margins.bottom])
  }
}
