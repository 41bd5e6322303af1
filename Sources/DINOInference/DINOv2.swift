public import DINOModels
public import Imaging
internal import Kernels
internal import Torch

/// A DINOv2 backbone, ready to look at images.
///
///     let model = try await DINOv2.load()  // or load("dinov2_vits14", weights: "….pth")
///     let image = try ImageDecoder().decode(path: "photo.jpg")
///     let features = try await model.features(of: image)
///     print(features.clsToken.count, features.patches.grid)
///
/// The model lives on a thread of its own; any number of tasks may ask it, one forward pass runs at a
/// time. Features are host values: after the final norm, in single precision.
public actor DINOv2 {
  private nonisolated let thread: DeviceThread
  /// The model's sizes.
  public nonisolated let config: VisionTransformerConfig
  /// The name, the folder or the file that it was loaded by.
  public nonisolated let name: String
  /// How images become the model's input unless a call says otherwise: the original's way, or what the
  /// ``ShippedModel`` was trained for.
  public nonisolated let preprocessing: Preprocessing
  /// What computes: `AVX2 kernels, 2 threads`.
  public nonisolated let summary: String
  let request: ModelRequest
  private let engine: any BackboneEngine
  private let classifier: LinearClassifier?
  /// The model as libtorch runs it, for attention weights; loaded when first asked for.
  private var explicitModel: VisionTransformer?

  /// The thread that the model lives on.
  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe thread.asUnownedSerialExecutor()
  }

  /// Loads a model.
  ///
  /// - Parameters:
  ///   - model: A released model's name (Meta's, Hugging Face's or timm's), a model folder, a run
  ///     folder or a weight file; the ``ShippedModel`` if left out.
  ///   - weights: A weight file, where `model` is a name.
  /// - Returns: The model.
  /// - Throws: ``InferenceError`` that lists every key that does not fit.
  public static func load(
    _ model: String? = nil, weights: String? = nil
  ) async throws(InferenceError) -> DINOv2 {
    try await load(ModelRequest(model, weights: weights))
  }

  /// Loads a model.
  ///
  /// - Parameter request: Which model, where its weights are, and how it shall run.
  /// - Returns: The model.
  /// - Throws: ``InferenceError`` that lists every key that does not fit.
  public static func load(_ request: ModelRequest) async throws(InferenceError) -> DINOv2 {
    try DINOv2(request)
  }

  private init(_ request: ModelRequest) throws(InferenceError) {
    let threads = request.threads ?? TorchRuntime.threadCount
    TorchRuntime.threadCount = threads
    let usesTorch =
      request.device != .cpu
      || (request.precision == .bfloat16 && !ProcessorLevel.multipliesBFloat16
        && TorchRuntime.supportsBFloat16)
    let dtype = usesTorch && request.precision == .bfloat16 ? DType.bfloat16 : .float32
    let loaded = try request.backbone(dtype: dtype)
    do throws(TorchError) {
      if usesTorch {
        try loaded.model.parameters.move(to: request.device)
        engine = TorchEngine(loaded.model, device: request.device, dtype: dtype)
      } else {
        engine = try ProcessorEngine(
          loaded.model, threads: threads, numbers: request.precision.numbers)
      }
    } catch { throw .torch(error) }
    thread = DeviceThread(name: "dinov2")
    config = loaded.model.config
    name = loaded.name
    preprocessing = request.wantsShippedModel ? ShippedModel.preprocessing : .dinov2
    summary = engine.summary
    self.request = request
    classifier = loaded.classifier
  }

  /// Features of one image.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - preprocessing: How it becomes the model's input; ``preprocessing`` if left out.
  /// - Returns: Class token, registers and patch tokens after the final norm.
  /// - Throws: ``InferenceError`` if the image cannot be preprocessed.
  public func features(
    of image: PixelBuffer, _ preprocessing: Preprocessing? = nil
  ) throws(InferenceError) -> ImageFeatures {
    let preprocessing = preprocessing ?? self.preprocessing
    return ImageFeatures(try tokens(of: preprocessing.batch([image])), image: 0)
  }

  /// Features of several images, which may have different sizes.
  ///
  /// - Parameters:
  ///   - images: The images.
  ///   - preprocessing: How they become the model's input; ``preprocessing`` if left out.
  /// - Returns: Features in the order of the images.
  /// - Throws: ``InferenceError`` if an image cannot be preprocessed.
  public func features(
    of images: [PixelBuffer], _ preprocessing: Preprocessing? = nil
  ) throws(InferenceError) -> [ImageFeatures] {
    let preprocessing = preprocessing ?? self.preprocessing
    var places: [Size: [Int]] = [:]
    do throws(ImageError) {
      for (index, image) in images.enumerated() {
        places[try preprocessing.outputSize(for: image.size), default: []].append(index)
      }
    } catch { throw .image(error) }
    var results = [ImageFeatures?](repeating: nil, count: images.count)
    for indices in places.values {
      let batch = try tokens(of: preprocessing.batch(indices.map { images[$0] }))
      for (position, index) in indices.enumerated() {
        results[index] = ImageFeatures(batch, image: position)
      }
    }
    return results.compactMap { $0 }
  }

  /// All tokens of a batch of normalised images, after the last block and the final norm.
  ///
  /// - Parameter batch: The images.
  /// - Returns: Class, registers and patches of each.
  /// - Throws: ``InferenceError`` if a side is no multiple of the patch.
  public func tokens(of batch: ImageBatch) throws(InferenceError) -> TokenBatch {
    try tokens(of: batch, after: [config.depth - 1])[0]
  }

  /// The tokens after chosen blocks, for heads that take several.
  ///
  /// - Parameters:
  ///   - batch: The images.
  ///   - blocks: Which blocks, counted from 0; results come in the order of the blocks.
  ///   - normalize: Whether the final norm is applied to each.
  /// - Returns: One set of tokens per block.
  /// - Throws: ``InferenceError`` if there is no such block or a side is no multiple of the patch.
  public func tokens(
    of batch: ImageBatch, after blocks: [Int], normalize: Bool = true
  ) throws(InferenceError) -> [TokenBatch] {
    if let wrong = blocks.first(where: { !(0..<config.depth).contains($0) }) {
      throw .usage(problem: "there is no block \(wrong); the model has \(config.depth)")
    }
    return try engine.tokens(
      of: batch, after: Array(Set(blocks)).sorted(), normalize: normalize)
  }

  /// How much the class token attends to each patch.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - preprocessing: How it becomes the model's input.
  ///   - block: The block, counted from 0; the last one if left out.
  /// - Returns: Weights per head.
  /// - Throws: ``InferenceError`` if there is no such block.
  public func attention(
    of image: PixelBuffer, _ preprocessing: Preprocessing = .dinov2, block: Int? = nil
  ) throws(InferenceError) -> AttentionMap {
    let batch = try preprocessing.batch([image])
    let model = try explicit()
    do throws(TorchError) {
      let (weights, grid) = try withInferenceMode {
        () throws(TorchError) -> (Tensor, PatchGrid) in
        let pixels = try Tensor(
          batch.values, [1, batch.channels, batch.size.height, batch.size.width])
        let found = try model.attentionWeights(pixels, block: block)
        let first = config.numPrefixTokens
        // The class token's row, without the columns of class token and registers.
        let row = try found.weights.select(dim: 2, 0)
          .narrow(dim: 2, first..<first + found.grid.count)
        return (row, found.grid)
      }
      return AttentionMap(values: try weights.floats(), heads: config.numHeads, grid: grid)
    } catch { throw .torch(error) }
  }

  /// Scores of the classes of a linear classifier.
  ///
  /// - Parameters:
  ///   - batch: The images.
  ///   - path: A published head file; `nil` takes the classifier that came with the model.
  /// - Returns: Logits per image, `[K]` each, and the classes' names where they are known.
  /// - Throws: ``InferenceError`` if there is no classifier or it was made for another width.
  public func classify(
    _ batch: ImageBatch, head path: String? = nil
  ) throws(InferenceError) -> (logits: [[Float]], labels: [Int: String]) {
    let head: LinearClassifier
    if let path {
      do throws(ModelError) {
        head = try LinearClassifier.read(path, embedDim: config.embedDim)
      } catch { throw .model(error) }
    } else if let classifier {
      head = classifier
    } else {
      throw .usage(problem: "\(name) has no classifier beside it: pass --head FILE")
    }
    guard head.layers <= config.depth else {
      throw .usage(
        problem: "the classifier takes \(head.layers) blocks; the model has \(config.depth)")
    }
    let blocks = Array(config.depth - head.layers..<config.depth)
    let tokens = try tokens(of: batch, after: blocks)
    do throws(TorchError) {
      var layers: [BackboneFeatures] = []
      for layer in tokens { layers.append(try BackboneFeatures(layer)) }
      let logits = try head(layers).floats()
      return (
        (0..<batch.count).map {
          Array(logits[$0 * head.classes..<($0 + 1) * head.classes])
        }, head.labels
      )
    } catch { throw .torch(error) }
  }

  private func explicit() throws(InferenceError) -> VisionTransformer {
    if let explicitModel { return explicitModel }
    let model = try request.backbone(dtype: .float32).model
    explicitModel = model
    return model
  }
}

extension ModelRequest.Precision {
  /// What the processor's kernels compute with.
  fileprivate var numbers: ProcessorEngine.Numbers {
    switch self {
    case .float32: .float32
    case .bfloat16: ProcessorLevel.multipliesBFloat16 ? .bfloat16 : .rounded
    }
  }
}

extension BackboneFeatures {
  /// Host tokens as tensors; they are normed already.
  fileprivate init(_ batch: TokenBatch) throws(TorchError) {
    let tokens = try Tensor(batch.values, [batch.count, batch.tokens, batch.width])
    self.init(
      normalized: tokens, prenorm: tokens, grid: batch.grid,
      numRegisterTokens: batch.registers)
  }
}

extension Preprocessing {
  /// Prepares images of equal result size.
  ///
  /// - Parameter images: The images.
  /// - Returns: The batch.
  /// - Throws: ``InferenceError`` if one cannot be prepared or the sizes differ.
  public func batch(_ images: [PixelBuffer]) throws(InferenceError) -> ImageBatch {
    guard let first = images.first else { throw .usage(problem: "a batch needs an image") }
    do throws(ImageError) {
      let size = try outputSize(for: first.size)
      let stride = 3 * size.height * size.width
      var values = [Float](repeating: 0, count: images.count * stride)
      for (index, image) in images.enumerated() {
        guard try outputSize(for: image.size) == size else {
          throw .usage(problem: "the images of a batch must have one size")
        }
        let prepared = try crop(image)
        var failure: ImageError?
        unsafe values.withUnsafeMutableBufferPointer { buffer in
          do throws(ImageError) {
            unsafe try normalize(
              prepared,
              into: UnsafeMutableBufferPointer(
                rebasing: buffer[index * stride..<(index + 1) * stride]))
          } catch { failure = error }
        }
        if let failure { throw failure }
      }
      return ImageBatch(values: values, count: images.count, size: size)
    } catch { throw .image(error) }
  }
}
