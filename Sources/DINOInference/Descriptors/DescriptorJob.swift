internal import DINOData
internal import DINOModels
public import Imaging

/// Computes the descriptors of images, which are decoded ahead on threads of their own.
///
///     let job = DescriptorJob(DescriptorRecipe(.gem), model.preprocessing)
///     try await job(references, with: model, load: { .init(try $0.decode(), note: ()) }) { … }
public struct DescriptorJob: Sendable {
  /// How tokens become a descriptor.
  public var recipe: DescriptorRecipe
  /// How an image becomes the model's input, at scale 1.
  public var preprocessing: Preprocessing
  /// Images per forward pass.
  public var batch = 16
  /// Threads that decode.
  public var decoders = 2

  /// Describes a job.
  ///
  /// - Parameters:
  ///   - recipe: How tokens become a descriptor.
  ///   - preprocessing: How an image becomes the model's input.
  public init(_ recipe: DescriptorRecipe, _ preprocessing: Preprocessing) {
    self.recipe = recipe
    self.preprocessing = preprocessing
  }

  /// What was read for an input.
  public struct Loaded<Note: Sendable>: Sendable {
    /// What the caller wants to know later.
    public let note: Note
    /// The image; nil if no descriptor is needed.
    public let image: PixelBuffer?

    /// An image to describe.
    ///
    /// - Parameters:
    ///   - image: The image; nil if no descriptor is needed.
    ///   - note: What the caller wants to know later.
    public init(_ image: PixelBuffer?, note: Note) {
      self.image = image
      self.note = note
    }
  }

  /// What became of an input.
  public struct Outcome<Note: Sendable>: Sendable {
    /// The position of the input, from 0.
    public let index: Int
    /// The caller's note with the descriptor, if an image was there, or why there is none.
    public let result: Result<(note: Note, descriptor: [Float]?), any Error>
  }

  /// Computes descriptors.
  ///
  /// - Parameters:
  ///   - inputs: What images come from.
  ///   - model: The model.
  ///   - load: Reads an input; called on several threads at once. What it throws becomes the outcome.
  ///   - body: Gets the outcomes of consecutive inputs, in order.
  /// - Throws: ``InferenceError`` if a setting is out of range or the model fails; what `body` throws;
  ///   ``InferenceError/output(path:problem:)`` if the task was cancelled.
  public func callAsFunction<Input: Sendable, Note: Sendable>(
    _ inputs: [Input], with model: DINOv2,
    load: @escaping @Sendable (Input) throws -> Loaded<Note>,
    each body: ([Outcome<Note>]) throws -> Void
  ) async throws {
    guard batch > 0 else { throw InferenceError.usage(problem: "the batch size is \(batch)") }
    let block = recipe.block ?? model.config.depth - 1
    let preprocessings = try recipe.preprocessings(preprocessing)
    let pipeline = OrderedPipeline(inputs, threads: decoders, ahead: 2 * batch) { input in
      let loaded = try load(input)
      return Prepared(
        note: loaded.note,
        views: try loaded.image.map { image in try preprocessings.map { try $0.batch([image]) } }
          ?? [])
    }
    var window = Window<Input, Note>()
    for await item in pipeline {
      window.items.append(item)
      if case .success(let prepared) = item.result, !prepared.views.isEmpty { window.images += 1 }
      guard window.images == batch || window.items.count == 64 * batch else { continue }
      try body(try await describe(window, model, block))
      window = Window()
    }
    if !window.items.isEmpty { try body(try await describe(window, model, block)) }
    guard !Task.isCancelled else {
      throw InferenceError.output(path: "descriptors", problem: "were not computed: cancelled")
    }
  }

  /// An input that was read: its image at every scale, or none.
  private struct Prepared<Note: Sendable>: Sendable {
    let note: Note
    let views: [ImageBatch]
  }

  /// Consecutive inputs with as many images as a forward pass takes.
  private struct Window<Input: Sendable, Note: Sendable> {
    var items: [OrderedPipeline<Input, Prepared<Note>>.Element] = []
    var images = 0
  }

  private func describe<Input, Note>(
    _ window: Window<Input, Note>, _ model: DINOv2, _ block: Int
  ) async throws(InferenceError) -> [Outcome<Note>] {
    var parts = [[[Float]]](
      repeating: [[Float]](repeating: [], count: recipe.scales.count), count: window.items.count)
    var places: [Size: [(item: Int, scale: Int, view: ImageBatch)]] = [:]
    for (item, element) in window.items.enumerated() {
      guard case .success(let prepared) = element.result else { continue }
      for (scale, view) in prepared.views.enumerated() {
        places[view.size, default: []].append((item, scale, view))
      }
    }
    for (size, group) in places {
      // Images of one size at several scales may be more than a forward pass takes.
      for start in stride(from: 0, to: group.count, by: batch) {
        let part = group[start..<min(start + batch, group.count)]
        var values: [Float] = []
        for place in part { values += place.view.values }
        let tokens = try await model.tokens(
          of: ImageBatch(values: values, count: part.count, size: size), after: [block],
          normalize: recipe.appliesFinalNorm)[0]
        for (position, place) in part.enumerated() {
          parts[place.item][place.scale] = try recipe.descriptor(tokens, image: position)
        }
      }
    }
    return zip(window.items, parts).map { element, parts in
      Outcome(
        index: element.index,
        result: element.result.map { prepared in
          (prepared.note, prepared.views.isEmpty ? nil : DescriptorRecipe.mean(parts))
        })
    }
  }
}
