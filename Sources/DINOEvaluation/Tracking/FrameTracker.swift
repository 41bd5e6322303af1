public import DINOInference
internal import DINOModels
public import Imaging

/// Follows objects through the frames of a video with the features of a frozen model.
///
///     var tracker = try await FrameTracker(model, first: frames[0], mask: mask)
///     for frame in frames.dropFirst() { show(try await tracker.next(frame)) }
public struct FrameTracker {
  /// What resemblance is judged by.
  public enum Features: String, Sendable, CaseIterable {
    /// The model's patch tokens.
    case tokens
    /// The colours of the pixels of each patch: what can be had without a model.
    case pixels
  }

  /// How objects are followed.
  public struct Settings: Sendable, Equatable {
    /// Where labels come from.
    public var propagation = LabelPropagation.Settings()
    /// To about how many pixels the shorter side of a frame is resized.
    public var shorterSide = 480
    /// Whether each class is scaled to the range 0 to 1 before the largest is taken.
    public var scalesByClass = true
    /// What resemblance is judged by.
    public var features = Features.tokens
    /// How masks are fitted to the edges of the image; nil leaves them as the patches give them.
    public var refinement: EdgeRefinement?

    /// Creates DINO's settings.
    public init() {}
  }

  /// The labels of the objects in the first mask, in ascending order.
  public let objects: [UInt16]
  private let model: DINOv2
  private let settings: Settings
  private let view: WholeImageView
  private var propagation: LabelPropagation

  /// Begins with a frame whose objects are known.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - image: The first frame.
  ///   - mask: Its labels, of the frame's size; 0 is the background.
  ///   - settings: How objects are followed.
  /// - Throws: ``InferenceError`` if the sizes differ, the mask is empty, or a setting is out of range.
  public init(
    _ model: DINOv2, first image: PixelBuffer, mask: ValueImage, _ settings: Settings = Settings()
  ) async throws(InferenceError) {
    guard image.size == mask.size else {
      throw .usage(problem: "the mask is \(mask.size), the first frame \(image.size)")
    }
    self.model = model
    self.settings = settings
    objects = mask.objects
    guard !objects.isEmpty else {
      throw .usage(problem: "the mask of the first frame shows no object: all its labels are 0")
    }
    guard objects.count <= Self.mostObjects else {
      throw .usage(
        problem: "the mask of the first frame shows \(objects.count) objects; "
          + "at most \(Self.mostObjects) are followed")
    }
    view = try WholeImageView(
      imageSize: image.size, shorterSide: settings.shorterSide, patchSize: model.config.patchSize)
    propagation = try LabelPropagation(
      try await Self.patches(of: image, model, view, settings.features),
      labels: PatchLabels(of: mask, objects: objects, grid: view.grid), settings.propagation)
  }

  private static let mostObjects = 1000

  /// Labels the next frame.
  ///
  /// - Parameter image: The frame, of the first one's size.
  /// - Returns: The label of each pixel.
  /// - Throws: ``InferenceError`` if the frame has another size.
  public mutating func next(_ image: PixelBuffer) async throws(InferenceError) -> ValueImage {
    guard image.size == view.imageSize else {
      throw .usage(problem: "the frame is \(image.size), the first one \(view.imageSize)")
    }
    let patches = try await Self.patches(of: image, model, view, settings.features)
    var labels = try propagation.next(patches)
    if settings.scalesByClass { labels = labels.scaledByClass() }
    if let refinement = settings.refinement {
      return try refinement.labels(of: labels, objects: objects, on: image)
    }
    do throws(ImageError) {
      return try labels.labels(at: image.size, objects: objects)
    } catch { throw .image(error) }
  }

  private static func patches(
    of image: PixelBuffer, _ model: DINOv2, _ view: WholeImageView, _ features: Features
  ) async throws(InferenceError) -> PatchMap {
    switch features {
    case .tokens: try await model.patches(of: image, seenAs: view)
    case .pixels: try PatchMap(pixelsOf: image, seenAs: view, model.preprocessing)
    }
  }
}

extension PatchMap {
  /// The normalised colours of the pixels of each patch, `[N, 3·p·p]`.
  fileprivate init(
    pixelsOf image: PixelBuffer, seenAs view: WholeImageView, _ preprocessing: Preprocessing
  ) throws(InferenceError) {
    var preprocessing = preprocessing
    preprocessing.resize = nil
    preprocessing.crop = nil
    preprocessing.patchSize = view.patchSize
    let batch = try preprocessing.batch([view(image)])
    let (p, grid, size) = (view.patchSize, view.grid, batch.size)
    var values: [Float] = []
    values.reserveCapacity(batch.values.count)
    for patch in 0..<grid.count {
      let (top, left) = (patch / grid.width * p, patch % grid.width * p)
      for channel in 0..<3 {
        for row in top..<top + p {
          let start = (channel * size.height + row) * size.width + left
          values += batch.values[start..<start + p]
        }
      }
    }
    self.init(values: values, grid: grid, width: 3 * p * p)
  }
}
