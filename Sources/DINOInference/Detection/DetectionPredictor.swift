public import DINOData
public import DINOModels
public import Imaging
internal import Torch

/// An object that was found in an image.
public struct DetectedObject: Sendable, Equatable {
  /// The class by index.
  public let classIndex: Int
  /// The name of the class.
  public let label: String
  /// How sure the head is, 0 to 1.
  public let score: Double
  /// The box, inside the image.
  public let box: BoundingBox
}

/// Finds objects in images of any size with a detection head.
///
///     let model = try await DINOv2.load()
///     let predictor = try await DetectionPredictor(model, head: HeadFolder(path: "heads/chess"))
///     for object in try await predictor.objects(in: image) { print(object.label, object.box) }
///
/// Images are resized as the head wants them and padded to whole patches. Everything runs on the model's
/// thread.
public actor DetectionPredictor {
  /// What is found.
  public struct Options: Sendable, Equatable {
    /// Pixels to which the shorter side is resized, if not the head's.
    public var resize: Int?
    /// Which boxes are chosen.
    public var decoding = DetectionDecoding()

    /// Finds what the COCO evaluation wants.
    public init() {}
  }

  /// What the head is.
  public nonisolated let config: HeadConfig
  /// The head folder.
  public nonisolated let path: String
  /// The names of the classes by index.
  public nonisolated let classNames: [String]
  private nonisolated let model: DINOv2
  private let head: DetectionHead

  /// The most patches of an image; attention takes their square.
  private static let mostPatches = 1 << 14

  /// The thread that the model lives on.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe model.unownedExecutor }

  /// Joins a model and a head.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - folder: The head.
  /// - Throws: ``InferenceError`` if the head is for another task or another backbone.
  public init(_ model: DINOv2, head folder: HeadFolder) async throws(InferenceError) {
    let backbone = try await model.headBackbone(blocks: [], normalize: true)
    do throws(ModelError) {
      try folder.check(.detection, for: backbone)
      head = try folder.detectionHead()
    } catch { throw .model(error) }
    config = folder.config
    path = folder.path
    classNames = folder.config.classes ?? []
    self.model = model
  }

  /// The objects in an image, the surest first.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - options: What is found.
  /// - Returns: Objects with boxes in pixels of the image.
  /// - Throws: ``InferenceError`` if the image does not fit.
  public func objects(
    in image: PixelBuffer, _ options: Options = Options()
  ) throws(InferenceError) -> [DetectedObject] {
    let preprocessing = try Preprocessing(config.preprocessing, resize: options.resize)
    let plan: Preprocessing.Plan
    do throws(ImageError) { plan = try preprocessing.plan(for: image.size) } catch {
      throw .image(error)
    }
    let patch = model.config.patchSize
    let (rows, columns) = (plan.window.height / patch + 1, plan.window.width / patch + 1)
    guard Double(rows) * Double(columns) <= Double(Self.mostPatches) else {
      throw .usage(
        problem: "an image of \(image.size) becomes \(plan.window.size) pixels, more than "
          + "\(Self.mostPatches) patches: crop it, or choose a smaller --resize")
    }
    let batch = try preprocessing.batch([image])
    let found: [ScoredBox]
    do throws(TorchError) {
      found = try withoutGradient { () throws(TorchError) in
        try options.decoding.boxes(head(patches(of: batch)), image: 0)
      }
    } catch { throw .torch(error) }
    let margins = CenterPadding(multiple: patch).margins(
      height: plan.window.height, width: plan.window.width)
    let scale = (
      x: Double(image.width) / Double(plan.resized.width),
      y: Double(image.height) / Double(plan.resized.height)
    )
    return found.compactMap { box in
      let left = Double(box.left) - Double(margins.left) + Double(plan.window.left)
      let top = Double(box.top) - Double(margins.top) + Double(plan.window.top)
      let whole = BoundingBox(
        left: left * scale.x, top: top * scale.y,
        width: Double(box.right - box.left) * scale.x,
        height: Double(box.bottom - box.top) * scale.y)
      guard whole.isProper, let seen = whole.clipped(to: image.size) else { return nil }
      return DetectedObject(
        classIndex: box.classIndex, label: classNames[box.classIndex], score: Double(box.score),
        box: seen)
    }
  }

  /// Patch tokens of the blocks that the head takes, side by side, `[1, h, w, L · D]`.
  private func patches(of batch: ImageBatch) throws(TorchError) -> Tensor {
    let pixels = try Tensor(
      batch.values, [1, batch.channels, batch.size.height, batch.size.width])
    let padded = try CenterPadding(multiple: model.config.patchSize)(pixels)
    let (_, _, h, w) = try padded.shape4()
    let input = ImageBatch(
      values: try padded.floats(), count: 1, channels: batch.channels,
      size: Size(height: h, width: w))
    let backbone = config.backbone
    // The actor's executor is the model's, so its thread is already here.
    let result = model.assumeIsolated { model in
      Result { () throws(InferenceError) in
        try model.tokens(of: input, after: backbone.blocks, normalize: backbone.normalize)
      }
    }
    switch result {
    case .success(let blocks):
      var maps: [Tensor] = []
      for block in blocks {
        maps.append(
          try Tensor(
            Array(block.patchTokens(0)), [1, block.grid.height, block.grid.width, block.width]))
      }
      return try .cat(maps, dim: 3)
    case .failure(.torch(let error)): throw error
    case .failure(let error): throw TorchError("backbone", "\(error)")
    }
  }
}
