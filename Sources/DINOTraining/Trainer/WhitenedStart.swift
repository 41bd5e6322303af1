internal import DINOData
internal import DINOModels
internal import Imaging
internal import Torch

/// First weights that follow from the images, block by block, without a label and without a step.
///
/// Before its first step the network already computes what a small data set can tell by its statistics
/// alone; training goes on from there:
///
/// - The patch embedding gives the principal components of patches, alike in size.
/// - The first feed-forward network recodes them: `gelu(±z - θ)` of contrast-normalised components, again
///   in principal components.
/// - In every later block each head of the class token looks at one region of the image: attention from
///   `q = 2c`, `k = p` and `-|p|²` is a Gaussian window around `c`. All heads together write the regions'
///   principal components, half whitened, into the class token. Patches look by the same means at what
///   lies beside them, each head in another direction, from block to block farther.
/// - The last feed-forward network takes a constant away that made the length of patches alike.
///
/// LayerScale becomes 1; what else there is stays random. The parts live in subspaces of a ``ResidualSpace``.
///
/// Source: Krähenbühl, Doersch, Donahue, Darrell, 2016 (data-dependent initialisation); Coates, Lee, Ng,
/// 2011 (whitened patches, thresholds and pooled regions).
struct WhitenedStart {
  /// The most images that statistics are taken from.
  static let mostImages = 4096
  /// The most bytes of their crops.
  static let mostBytes = 256 << 20
  /// Patches of an image.
  static let patchesPerImage = 16
  /// Images that go through the first block at once.
  private static let batch = 256

  private let side: Int
  private let patch: Int
  private let model: VisionTransformerConfig
  private let seed: UInt64
  private let reducesDecoding: Bool

  /// Describes the crops and the network of a run.
  init(_ config: TrainingConfig) {
    side = config.crops.globalSize
    patch = config.student.patchSize
    model = config.modelConfig
    seed = UInt64(truncatingIfNeeded: config.train.seed)
    reducesDecoding = config.reducesDecoding
  }

  /// What a configuration lacks for these weights, a line each.
  static func problems(_ model: VisionTransformerConfig) -> [String] {
    var problems: [String] = []
    if model.ffnLayer.isGated || !model.ffnBias {
      problems.append("student.ffn_layer has to be mlp, with biases")
    }
    if !model.qkvBias { problems.append("student.qkv_bias has to be true") }
    if model.depth < 2 { problems.append("student.depth is \(model.depth), expected 2 at least") }
    if model.embedDim < 32 || model.embedDim / model.numHeads < 4 {
      problems.append("student.embed_dim has to be 32 at least, and 4 a head")
    }
    if model.ffnHiddenDim < model.embedDim {
      problems.append("student.mlp_ratio has to be 1 at least")
    }
    return problems
  }

  /// Sets the weights of a network's backbone.
  ///
  /// - Parameters:
  ///   - parameters: All parameters.
  ///   - images: Where statistics are taken from; those that cannot be read are passed over.
  /// - Throws: `DataError` if no image can be read, `TorchError` if memory is short.
  func set(_ parameters: ParameterStore, from images: TrainingImages) throws {
    let crops = try crops(of: images)
    let patches = try patches(of: crops)
    let generator = try Generator(seed: StepSeed.mix(seed ^ 0x5748_4954))
    let network = try WhitenedNetwork(
      parameters, model: model, grid: side / patch, patchValues: 3 * patch * patch, generator)
    try withoutGradient { () throws(TorchError) in try network.setPatches(patches) }
    let tokens = try crops.chunks(of: Self.batch).map { chunk in
      let pixels = try pixels(of: chunk)
      return try withoutGradient { () throws(TorchError) in try network.recoded(pixels) }
    }
    try withoutGradient { () throws(TorchError) in try network.setRegions(tokens) }
  }

  // MARK: - Images

  /// Crops of evenly spread images.
  private func crops(of images: TrainingImages) throws -> [PixelBuffer] {
    let most = min(Self.mostImages, max(1, Self.mostBytes / (3 * side * side)))
    let count = min(images.count, most)
    let preprocessing = preprocessing
    let crops = (0..<count).compactMap { number in
      let reference = images.references[number * images.count / count]
      return try? preprocessing.crop(reference.decode(reducing: reduction(for:)))
    }
    guard !crops.isEmpty else {
      throw DataError.unusable(
        place: images.references.first?.displayName ?? "images",
        problem: "none of \(count) images could be read")
    }
    return crops
  }

  /// By what the sides of a JPEG file may be divided: its shorter side is resized to a crop's.
  private func reduction(for size: Size) -> Int {
    reducesDecoding ? DecodingReduction.factor(of: Double(size.shorterSide), to: side) : 1
  }

  private var preprocessing: Preprocessing {
    Preprocessing(resize: side, crop: Size(height: side, width: side))
  }

  /// Normalised pixels, `[B, 3, side, side]`.
  private func pixels(of crops: ArraySlice<PixelBuffer>) throws -> Tensor {
    let length = 3 * side * side
    var values = [Float](repeating: 0, count: crops.count * length)
    let preprocessing = preprocessing
    for (index, crop) in crops.enumerated() {
      try unsafe values.withUnsafeMutableBufferPointer { buffer in
        let part = unsafe buffer[(index * length)..<((index + 1) * length)]
        try unsafe preprocessing.normalize(crop, into: UnsafeMutableBufferPointer(rebasing: part))
      }
    }
    return try Tensor(values, [crops.count, 3, side, side])
  }

  /// Patches at random places, one a row, `[M, 3 P²]`.
  private func patches(of crops: [PixelBuffer]) throws -> Tensor {
    let parts = try crops.indices.chunks(of: Self.batch).map { indices in
      let values = try pixels(of: crops[indices.startIndex..<indices.endIndex]).floats()
      var rows: [Float] = []
      for (index, number) in indices.enumerated() {
        for place in 0..<Self.patchesPerImage {
          let from = index * 3 * side * side
          append(
            patchOf: values[from..<(from + 3 * side * side)],
            number: number * Self.patchesPerImage + place, to: &rows)
        }
      }
      return try Tensor(rows, [indices.count * Self.patchesPerImage, 3 * patch * patch])
    }
    return try Tensor.cat(parts)
  }

  /// Appends a patch at a place that follows from its number.
  private func append(patchOf pixels: ArraySlice<Float>, number: Int, to rows: inout [Float]) {
    let draw = StepSeed.mix(seed ^ StepSeed.mix(UInt64(number)))
    let span = UInt64(side - patch + 1)
    let (top, left) = (Int(draw >> 32 % span), Int((draw & 0xFFFF_FFFF) % span))
    for channel in 0..<3 {
      for row in top..<(top + patch) {
        let start = pixels.startIndex + (channel * side + row) * side + left
        rows += pixels[start..<(start + patch)]
      }
    }
  }
}

extension RandomAccessCollection where Index == Int {
  /// Consecutive parts of at most `length` elements.
  fileprivate func chunks(of length: Int) -> [SubSequence] {
    stride(from: startIndex, to: endIndex, by: length).map { start in
      self[start..<Swift.min(start + length, endIndex)]
    }
  }
}
