internal import DINOData
internal import DINOModels
internal import Glibc
internal import Imaging
internal import Torch

/// First weights that follow from the images and from what trained attention looks like.
///
/// - The patch embedding makes the principal components of normalised patches alike in size and turns them
///   by a random rotation: `W = Q (Λ + ε)^(-1/2) Uᵀ`, `b = -W μ`. A random projection would pass on little
///   but the brightness of a patch, which has nearly all of the variance.
/// - Queries meet keys by `0.7 Z + 0.7 I`, values pass to the output by `0.4 Z - 0.4 I`, with `Z` normal of
///   variance `1 / D`.
/// - Positions are sines and cosines of both coordinates, of half their size.
///
/// Source: Trockman and Kolter, 2023 (Mimetic Initialization of Self-Attention Layers) for attention and
/// positions; whitening as in Coates, Ng, Lee, 2011.
struct WhitenedStart {
  /// The most images that patches are taken from.
  private static let mostImages = 2048
  /// Patches of an image.
  private static let patchesPerImage = 16

  private let side: Int
  private let patch: Int
  private let headWidth: Int
  private let seed: UInt64

  /// Describes the crops of a run.
  init(_ config: TrainingConfig) {
    side = config.crops.globalSize
    patch = config.student.patchSize
    headWidth = config.modelConfig.embedDim / config.modelConfig.numHeads
    seed = UInt64(truncatingIfNeeded: config.train.seed)
  }

  /// Sets the weights of a network's backbone.
  ///
  /// - Parameters:
  ///   - parameters: All parameters.
  ///   - images: Where patches are taken from; those that cannot be read are passed over.
  /// - Throws: `DataError` if no image can be read, `TorchError` if memory is short.
  func set(_ parameters: ParameterStore, from images: TrainingImages) throws {
    let patches = try patches(of: images)
    try withoutGradient { () throws(TorchError) in
      let generator = try Generator(seed: StepSeed.mix(seed ^ 0x5748_4954))
      try setPatchEmbedding(parameters, patches, generator)
      for parameter in parameters.parameters where parameter.name.hasSuffix(".attn.qkv.weight") {
        let output = parameter.name.replacing(".attn.qkv.", with: ".attn.proj.")
        guard let output = parameters[output]?.value else { continue }
        try setAttention(parameter.value, output, generator)
      }
      if let positions = parameters["backbone.pos_embed"]?.value { try setPositions(positions) }
    }
  }

  // MARK: - Patches

  /// Patches of evenly spread images, one a row.
  private func patches(of images: TrainingImages) throws -> Tensor {
    let count = min(images.count, Self.mostImages)
    let preprocessing = Preprocessing(resize: side, crop: Size(height: side, width: side))
    var rows: [Float] = []
    var read = 0
    var pixels = [Float](repeating: 0, count: 3 * side * side)
    for number in 0..<count {
      let reference = images.references[number * images.count / count]
      guard let image = try? preprocessing.crop(reference.decode()) else { continue }
      try unsafe pixels.withUnsafeMutableBufferPointer { buffer in
        try unsafe preprocessing.normalize(image, into: buffer)
      }
      for place in 0..<Self.patchesPerImage {
        append(patchOf: pixels, number: number * Self.patchesPerImage + place, to: &rows)
      }
      read += 1
    }
    guard read > 0 else {
      throw DataError.unusable(
        place: images.references.first?.displayName ?? "images",
        problem: "none of \(count) images could be read")
    }
    return try Tensor(rows, [read * Self.patchesPerImage, 3 * patch * patch])
  }

  /// Appends a patch at a place that follows from its number.
  private func append(patchOf pixels: [Float], number: Int, to rows: inout [Float]) {
    let draw = StepSeed.mix(seed ^ StepSeed.mix(UInt64(number)))
    let span = UInt64(side - patch + 1)
    let (top, left) = (Int(draw >> 32 % span), Int((draw & 0xFFFF_FFFF) % span))
    for channel in 0..<3 {
      for row in top..<(top + patch) {
        let start = (channel * side + row) * side + left
        rows += pixels[start..<(start + patch)]
      }
    }
  }

  private func setPatchEmbedding(
    _ parameters: ParameterStore, _ patches: Tensor, _ generator: Generator
  ) throws(TorchError) {
    guard let weight = parameters["backbone.patch_embed.proj.weight"]?.value,
      let bias = parameters["backbone.patch_embed.proj.bias"]?.value
    else { return }
    let width = weight.shape[0]
    let rows = try patches.to(dtype: .float64)
    let mean = try rows.mean(dim: 0, keepDim: true)
    let centred = try rows - mean
    let covariance = try centred.transpose(0, 1).matmul(centred) / Double(rows.shape[0])
    let (values, vectors) = try covariance.symmetricEigen()  // ascending
    let length = values.shape[0]
    let kept = (length - min(width, length))..<length
    let variances = try values.narrow(dim: 0, kept).clamped(from: 0)
    // Twice the smallest kept variance: what is mostly noise is not blown up.
    let floor = try (variances.narrow(dim: 0, 0..<1) * 2).clamped(from: 1e-12)
    let scaled = try vectors.narrow(dim: 1, kept) / (variances + floor).sqrt()  // [P, k]
    let rotation = try Self.rotation(width, generator).narrow(dim: 1, 0..<kept.count)  // [D, k]
    let matrix = try rotation.matmul(scaled.transpose(0, 1))  // [D, P]
    try weight.copy(from: matrix.reshape(weight.shape).to(dtype: .float32))
    let shift = try -matrix.matmul(mean.transpose(0, 1))
    try bias.copy(from: shift.reshape(bias.shape).to(dtype: .float32))
  }

  /// A random orthogonal matrix: the eigenvectors of a random symmetric one.
  private static func rotation(
    _ width: Int, _ generator: Generator
  ) throws(TorchError) -> Tensor {
    let random = try Tensor.randn([width, width], generator: generator, dtype: .float64)
    return try (random + random.transpose(0, 1)).symmetricEigen().vectors
  }

  // MARK: - Attention and positions

  private func setAttention(
    _ weights: Tensor, _ output: Tensor, _ generator: Generator
  ) throws(TorchError) {
    let width = output.shape[0]
    for first in stride(from: 0, to: width, by: headWidth) {
      let (left, right) = try Self.factors(
        noise: 0.7, identity: 0.7, width: width, rank: headWidth, generator)
      try weights.narrow(dim: 0, first..<(first + headWidth)).copy(from: left.transpose(0, 1))
      let keys = (width + first)..<(width + first + headWidth)
      try weights.narrow(dim: 0, keys).copy(from: right.transpose(0, 1))
    }
    let (left, right) = try Self.factors(
      noise: 0.4, identity: -0.4, width: width, rank: width, generator)
    try weights.narrow(dim: 0, (2 * width)..<(3 * width)).copy(from: right.transpose(0, 1))
    try output.copy(from: left)
  }

  /// Two matrices `[D, rank]` whose product `A Bᵀ` is the best approximation of a random one.
  private static func factors(
    noise: Double, identity: Double, width: Int, rank: Int, _ generator: Generator
  ) throws(TorchError) -> (Tensor, Tensor) {
    let random = try Tensor.randn([width, width], generator: generator, dtype: .float64)
    let one = try Tensor.zeros([width, width], dtype: .float64)
    try one.fillDiagonal(identity)
    let matrix = try random * (noise / Double(width).squareRoot()) + one
    let (squares, vectors) = try matrix.transpose(0, 1).matmul(matrix).symmetricEigen()
    let kept = (width - rank)..<width
    let sizes = try squares.narrow(dim: 0, kept).clamped(from: 1e-24).sqrt()
    let right = try vectors.narrow(dim: 1, kept)
    let left = try matrix.matmul(right) / sizes
    let roots = try sizes.sqrt()
    return try ((left * roots).to(dtype: .float32), (right * roots).to(dtype: .float32))
  }

  private func setPositions(_ positions: Tensor) throws(TorchError) {
    let width = positions.shape[2]
    let grid = side / patch
    guard width.isMultiple(of: 4), positions.shape[1] == grid * grid + 1 else { return }
    let quarter = width / 4
    var values: [Float] = []
    for row in 0..<grid {
      for column in 0..<grid {
        for place in [row, column] {
          let angles = (0..<quarter).map { index in
            Double(place) * pow(10_000, -Double(index) / Double(quarter))
          }
          values += angles.map { Float(0.5 * sin($0)) } + angles.map { Float(0.5 * cos($0)) }
        }
      }
    }
    try positions.narrow(dim: 1, 1..<(grid * grid + 1))
      .copy(from: Tensor(values, [1, grid * grid, width]))
  }
}
