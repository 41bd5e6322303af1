public import DINOModels
public import Imaging

/// Normalised images of one size on the host, `[B, C, H, W]`.
public struct ImageBatch: Sendable {
  /// The values, image by image, channel by channel, row by row.
  public var values: [Float]
  /// The number of images, `B`.
  public let count: Int
  /// The number of channels, `C`.
  public let channels: Int
  /// The size of each image.
  public let size: Size

  /// Creates a batch.
  ///
  /// - Parameters:
  ///   - values: The values, `[B, C, H, W]`.
  ///   - count: The number of images.
  ///   - channels: The number of channels.
  ///   - size: The size of each image.
  /// - Precondition: The number of values is that of the sizes.
  public init(values: [Float], count: Int, channels: Int = 3, size: Size) {
    precondition(values.count == count * channels * size.height * size.width, "an odd batch")
    self.values = values
    self.count = count
    self.channels = channels
    self.size = size
  }
}

/// Tokens of a batch of images on the host, `[B, 1 + R + N, D]`: class, registers, patches.
public struct TokenBatch: Sendable {
  /// The values, image by image, token by token.
  public let values: [Float]
  /// The number of images, `B`.
  public let count: Int
  /// The number of registers, `R`.
  public let registers: Int
  /// The patches, `N` on an `h × w` grid.
  public let grid: PatchGrid
  /// The width of a token, `D`.
  public let width: Int

  /// The number of tokens of an image.
  public var tokens: Int { 1 + registers + grid.count }

  /// The class token of an image, `[D]`.
  ///
  /// - Parameter image: The position in the batch.
  /// - Returns: The values.
  public func clsToken(_ image: Int) -> ArraySlice<Float> {
    let start = image * tokens * width
    return values[start..<start + width]
  }

  /// The registers of an image, `[R, D]`.
  ///
  /// - Parameter image: The position in the batch.
  /// - Returns: The values.
  public func registerTokens(_ image: Int) -> ArraySlice<Float> {
    let start = (image * tokens + 1) * width
    return values[start..<start + registers * width]
  }

  /// The patch tokens of an image, `[N, D]`, row by row of the grid.
  ///
  /// - Parameter image: The position in the batch.
  /// - Returns: The values.
  public func patchTokens(_ image: Int) -> ArraySlice<Float> {
    let start = (image * tokens + 1 + registers) * width
    return values[start..<start + grid.count * width]
  }

  /// The mean of an image's patch tokens, `[D]`.
  ///
  /// - Parameter image: The position in the batch.
  /// - Returns: The values.
  public func patchMean(_ image: Int) -> [Float] {
    let patches = patchTokens(image)
    var sums = [Double](repeating: 0, count: width)
    for (offset, value) in patches.enumerated() { sums[offset % width] += Double(value) }
    return sums.map { Float($0 / Double(grid.count)) }
  }
}

/// Runs the forward pass of a backbone.
package protocol BackboneEngine {
  /// The model's sizes.
  var config: VisionTransformerConfig { get }
  /// What computes, for people: `AVX2, 2 threads`.
  var summary: String { get }

  /// The tokens after chosen blocks.
  ///
  /// - Parameters:
  ///   - images: The images.
  ///   - blocks: Which blocks, counted from 0; results come in the order of the blocks.
  ///   - normalize: Whether the final norm is applied.
  /// - Returns: One set of tokens per block.
  /// - Throws: ``InferenceError`` if a size does not fit.
  func tokens(
    of images: ImageBatch, after blocks: [Int], normalize: Bool
  ) throws(InferenceError) -> [TokenBatch]
}

extension BackboneEngine {
  /// The grid of a batch, checked against the model.
  func grid(of images: ImageBatch) throws(InferenceError) -> PatchGrid {
    let (p, size) = (config.patchSize, images.size)
    guard images.channels == config.inChannels else {
      throw .usage(
        problem: "the images have \(images.channels) channels; the model takes \(config.inChannels)"
      )
    }
    guard size.height >= p, size.width >= p, size.height.isMultiple(of: p),
      size.width.isMultiple(of: p)
    else {
      throw .usage(
        problem: "an input of \(size) pixels; both sides must be multiples of the patch side \(p): "
          + "take \(max(size.height / p, 1) * p)x\(max(size.width / p, 1) * p)")
    }
    return PatchGrid(height: size.height / p, width: size.width / p)
  }
}
