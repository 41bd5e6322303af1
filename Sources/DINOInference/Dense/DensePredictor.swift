public import DINOModels
public import Imaging
internal import Torch

/// The class of each pixel.
public struct LabelPrediction: Sendable, Equatable {
  /// The size of the image.
  public let size: Size
  /// Classes by index, `[height, width]`.
  public let labels: [UInt16]
}

/// The distance of each pixel.
public struct DepthPrediction: Sendable, Equatable {
  /// The size of the image.
  public let size: Size
  /// Metres, `[height, width]`.
  public let metres: [Float]
}

/// Applies a head for segmentation or depth to images of any size.
///
///     let model = try await DINOv2.load("dinov2_vits14")
///     let predictor = try await DensePredictor(model, head: DenseHead(path: "heads/rooms"))
///     let depth = try await predictor.depth(of: image)
///
/// Images are resized as the head wants them and padded to whole patches; maps are cut back and come in
/// the size of the image. Everything runs on the model's thread.
public actor DensePredictor {
  /// What is done beyond one pass over the whole image.
  public struct Options: Sendable, Equatable {
    /// Pixels to which the shorter side is resized, if not the head's.
    public var resize: Int?
    /// Windows whose results are averaged; nil takes the whole image at once.
    public var window: SlidingWindow?
    /// Factors by which the image is scaled; segmentation only.
    public var scales = [1.0]
    /// Whether the mirrored image is averaged in.
    public var averagesFlip = false

    /// One pass over the whole image.
    public init() {}
  }

  /// The head.
  public nonisolated let head: DenseHead
  private nonisolated let model: DINOv2
  private let loaded: DenseHead.Loaded

  /// The most patches of one pass; attention takes their square.
  private static let mostPatches = 1 << 14
  /// The most logits of one map; above it the map is made smaller and then enlarged.
  private static let mostLogits = 1 << 27

  /// The thread that the model lives on.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe model.unownedExecutor }

  /// Joins a model and a head.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - head: The head.
  /// - Throws: ``InferenceError`` if the head was made for another backbone.
  public init(_ model: DINOv2, head: DenseHead) async throws(InferenceError) {
    if case .folder(let folder) = head.source {
      let backbone = try await model.headBackbone(blocks: [], normalize: true)
      do throws(ModelError) {
        try folder.check(head.task, for: backbone)
      } catch { throw .model(error) }
    }
    self.head = head
    self.model = model
    do throws(ModelError) {
      loaded = try head.load(for: model.config) { images, blocks, normalize throws(TorchError) in
        // The actor's executor is the model's, so its thread is already here.
        let batch = try ImageBatch(images)
        let result = model.assumeIsolated { model in
          Result { () throws(InferenceError) in
            try model.tokens(of: batch, after: blocks, normalize: normalize)
          }
        }
        var taps: [FeatureTap] = []
        switch result {
        case .success(let tokens): for block in tokens { taps.append(try FeatureTap(block)) }
        case .failure(.torch(let error)): throw error
        case .failure(let error): throw TorchError("backbone", "\(error)")
        }
        return taps
      }
    } catch { throw .model(error) }
  }

  /// The class of each pixel.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - options: Windows, scales and flips.
  /// - Returns: Classes by index, in the size of the image.
  /// - Throws: ``InferenceError`` if the head is not for segmentation or the image does not fit.
  public func labels(
    of image: PixelBuffer, _ options: Options = Options()
  ) throws(InferenceError) -> LabelPrediction {
    guard case .segmentation(let segmenter) = loaded else {
      throw .usage(problem: "\(head.path) is a head for depth, not for segmentation")
    }
    let input = try input(image, options)
    var settings = SemanticSegmenter.Options()
    settings.window = options.window
    settings.scales = options.scales
    settings.averagesFlip = options.averagesFlip
    settings.paddingRemoval = head.preprocessing.paddingRemoval
    let size = Self.reduced(image.size, classes: segmenter.classes)
    do throws(TorchError) {
      let labels = try segmenter.labels(
        input, settings, size: DenseSize(height: size.height, width: size.width))
      let values = try labels.array(of: Int64.self).map { UInt16(clamping: $0) }
      return LabelPrediction(
        size: image.size, labels: Self.enlarged(values, from: size, to: image.size))
    } catch { throw .torch(error) }
  }

  /// The distance of each pixel.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - options: Windows and flips.
  /// - Returns: Metres, in the size of the image.
  /// - Throws: ``InferenceError`` if the head is not for depth or the image does not fit.
  public func depth(
    of image: PixelBuffer, _ options: Options = Options()
  ) throws(InferenceError) -> DepthPrediction {
    guard case .depth(let estimator) = loaded else {
      throw .usage(problem: "\(head.path) is a head for segmentation, not for depth")
    }
    let input = try input(image, options)
    var settings = DepthEstimator.Options()
    settings.window = options.window
    settings.averagesFlip = options.averagesFlip
    settings.paddingRemoval = head.preprocessing.paddingRemoval
    do throws(TorchError) {
      let metres = try estimator(
        input, settings, size: DenseSize(height: image.height, width: image.width))
      return DepthPrediction(size: image.size, metres: try metres.floats())
    } catch { throw .torch(error) }
  }

  /// The resized and normalised image, `[1, 3, H, W]`.
  private func input(
    _ image: PixelBuffer, _ options: Options
  ) throws(InferenceError) -> Tensor {
    let preprocessing = try Preprocessing(head.preprocessing, resize: options.resize)
    let size: Size
    do throws(ImageError) {
      size = try preprocessing.outputSize(for: image.size)
    } catch { throw .image(error) }
    let seen = options.window.map {
      Size(height: min($0.crop.height, size.height), width: min($0.crop.width, size.width))
    }
    let patch = model.config.patchSize
    let largest = options.scales.max() ?? 1
    func patches(_ size: Size) -> Double {
      let scale = options.window == nil ? largest : 1
      return (Double(size.height) * scale / Double(patch) + 1)
        * (Double(size.width) * scale / Double(patch) + 1)
    }
    guard patches(seen ?? size) <= Double(Self.mostPatches) else {
      throw .usage(
        problem: "an image of \(image.size) becomes \(size) pixels, more than \(Self.mostPatches) "
          + "patches: crop it, or choose a smaller --resize or --window")
    }
    let batch = try preprocessing.batch([image])
    do throws(TorchError) {
      return try Tensor(batch.values, [1, batch.channels, batch.size.height, batch.size.width])
    } catch { throw .torch(error) }
  }

  /// The size of a map of logits that fits into memory.
  private static func reduced(_ size: Size, classes: Int) -> Size {
    let logits = Double(size.height) * Double(size.width) * Double(classes)
    let scale = (Double(mostLogits) / logits).squareRoot()
    guard scale < 1 else { return size }
    return Size(
      height: max(Int(Double(size.height) * scale), 1),
      width: max(Int(Double(size.width) * scale), 1))
  }

  private static func enlarged(_ values: [UInt16], from small: Size, to size: Size) -> [UInt16] {
    guard small != size else { return values }
    var result: [UInt16] = []
    result.reserveCapacity(size.height * size.width)
    let columns = (0..<size.width).map { $0 * small.width / size.width }
    for row in 0..<size.height {
      let start = row * small.height / size.height * small.width
      for column in columns { result.append(values[start + column]) }
    }
    return result
  }
}

extension ImageBatch {
  /// Takes over images `[B, C, H, W]`.
  fileprivate init(_ images: Tensor) throws(TorchError) {
    let (b, c, h, w) = try images.shape4()
    self.init(
      values: try images.floats(), count: b, channels: c, size: Size(height: h, width: w))
  }
}

extension FeatureTap {
  /// Host tokens as a tap; registers take no part.
  fileprivate init(_ batch: TokenBatch) throws(TorchError) {
    let tokens = try Tensor(batch.values, [batch.count, batch.tokens, batch.width])
    let first = 1 + batch.registers
    let maps = try tokens.narrow(dim: 1, first..<first + batch.grid.count)
      .reshape(batch.count, batch.grid.height, batch.grid.width, batch.width)
      .permute(0, 3, 1, 2).contiguous()  // [B, D, h, w]
    try self.init(maps: maps, clsToken: tokens.select(dim: 1, 0).contiguous())
  }
}
