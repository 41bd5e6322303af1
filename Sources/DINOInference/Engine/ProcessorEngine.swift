internal import DINOModels
internal import Imaging
internal import Kernels
internal import Torch

/// The forward pass by this package's own kernels, in single precision.
///
/// Each linear layer is packed once, with LayerScale as part of it. The residual stream lies in one
/// buffer to which the layers add their results; attention never forms more than a few rows of
/// scores.
///
/// Shapes: `M` rows, the tokens of all images; `D` width.
final class ProcessorEngine: BackboneEngine {
  let config: VisionTransformerConfig
  private let kernels: ProcessorKernels
  private let patchEmbed: PackedLinear
  /// Class token and registers, `[1 + R, D]`.
  private let prefix: [Float]
  private let posEmbed: PosEmbed
  private let blocks: [PackedBlock]
  private let norm: PackedNorm
  private var workspace: Workspace?
  /// Positions by grid, `[1 + N, D]`.
  private var positions: [PatchGrid: [Float]] = [:]

  var summary: String {
    "\(kernels.level.name) kernels, \(kernels.threads) thread\(kernels.threads == 1 ? "" : "s")"
  }

  /// Packs a model; the model itself is no longer needed then.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - threads: The number of threads.
  ///   - level: The instruction set.
  ///   - roundsWeights: Whether matrices are rounded to bfloat16 first.
  init(
    _ model: VisionTransformer, threads: Int, level: ProcessorLevel = .best,
    roundsWeights: Bool = false
  ) throws(TorchError) {
    config = model.config
    kernels = ProcessorKernels(threads: threads, level: level)
    posEmbed = model.posEmbed
    let weights = LayerWeights(model, level: level, roundsMatrices: roundsWeights)
    patchEmbed = try weights.linear("patch_embed.proj")
    prefix =
      try weights.values("cls_token")
      + (config.numRegisterTokens > 0 ? weights.values("register_tokens") : [])
    var blocks: [PackedBlock] = []
    for index in 0..<config.depth {
      blocks.append(try PackedBlock(weights, "blocks.\(index).", config))
    }
    self.blocks = blocks
    norm = try weights.norm("norm")
  }

  func tokens(
    of images: ImageBatch, after chosen: [Int], normalize: Bool
  ) throws(InferenceError) -> [TokenBatch] {
    let grid = try grid(of: images)
    let rows = images.count * (config.numPrefixTokens + grid.count)
    let space = workspace(rows: rows, patches: images.count * grid.count)
    do { try embed(images, grid, into: space) } catch { throw .torch(error) }
    var results: [TokenBatch] = []
    for (index, block) in blocks.enumerated() {
      run(block, on: space, batch: images.count)
      guard chosen.contains(index) else { continue }
      let output = normalize ? space.mixed : space.stream
      if normalize { run(norm, space.stream, into: space.mixed) }
      results.append(
        TokenBatch(
          values: output.array, count: images.count, registers: config.numRegisterTokens,
          grid: grid, width: config.embedDim))
      if results.count == chosen.count { break }
    }
    return results
  }

  /// Fills the stream with positions, adds class token and registers, then the patches.
  private func embed(
    _ images: ImageBatch, _ grid: PatchGrid, into space: Workspace
  ) throws(TorchError) {
    let (d, prefixed) = (config.embedDim, config.numPrefixTokens)
    let positions = try positions(for: grid)
    var start = prefix
    for i in 0..<d { start[i] += positions[i] }
    let patchPositions = Array(positions[d...])
    let tokens = prefixed + grid.count
    let pixels = images.channels * images.size.height * images.size.width
    unsafe images.values.withUnsafeBufferPointer { values in
      for image in 0..<images.count {
        let patches = space.patches.rows(image * grid.count..<(image + 1) * grid.count)
        let stream = space.stream.rows(image * tokens..<(image + 1) * tokens)
        stream.write(start, row: 0)
        stream.write(patchPositions, row: prefixed)
        unsafe kernels.unfold(
          UnsafeBufferPointer(rebasing: values[image * pixels..<(image + 1) * pixels]),
          channels: images.channels, height: images.size.height, width: images.size.width,
          into: patches)
        kernels.linear(patchEmbed, patches, into: stream.rows(prefixed..<tokens), .add)
      }
    }
  }

  private func positions(for grid: PatchGrid) throws(TorchError) -> [Float] {
    if let known = positions[grid] { return known }
    let made = try posEmbed(for: grid).floats()
    positions[grid] = made
    return made
  }

  private func run(_ block: PackedBlock, on space: Workspace, batch: Int) {
    run(block.norm1, space.stream, into: space.mixed)
    kernels.linear(block.qkv, space.mixed, into: space.queriesKeysValues)
    kernels.attention(
      space.queriesKeysValues, into: space.mixed, batch: batch, heads: config.numHeads)
    kernels.linear(block.proj, space.mixed, into: space.stream, .add)
    run(block.norm2, space.stream, into: space.mixed)
    kernels.linear(
      block.expand, space.mixed, into: space.hidden, config.ffnLayer.isGated ? .gate : .gelu)
    kernels.linear(block.contract, space.hidden, into: space.stream, .add)
  }

  private func run(_ norm: PackedNorm, _ x: Matrix, into y: Matrix) {
    kernels.layerNorm(
      x, weight: norm.weight, bias: norm.bias, epsilon: Float(config.layerNormEpsilon), into: y)
  }

  /// Memory for a number of rows; that of the last call if it was as large.
  private func workspace(rows: Int, patches: Int) -> Workspace {
    if let workspace, workspace.stream.rows == rows, workspace.patches.rows == patches {
      return workspace
    }
    let made = Workspace(rows: rows, patches: patches, config)
    workspace = made
    return made
  }
}

/// The memory of a forward pass.
private struct Workspace {
  /// The residual stream, `[M, D]`.
  let stream: Matrix
  /// Normalised or mixed tokens, `[M, D]`.
  let mixed: Matrix
  /// `[M, 3 · D]`.
  let queriesKeysValues: Matrix
  /// The hidden layer of the feed-forward network, `[M, h]`.
  let hidden: Matrix
  /// Patches of the images, `[B · N, C · p · p]`.
  let patches: Matrix

  init(rows: Int, patches: Int, _ config: VisionTransformerConfig) {
    func matrix(_ rows: Int, _ columns: Int) -> Matrix {
      Matrix(FloatBuffer(count: rows * columns), rows: rows, columns: columns)
    }
    stream = matrix(rows, config.embedDim)
    mixed = matrix(rows, config.embedDim)
    queriesKeysValues = matrix(rows, 3 * config.embedDim)
    hidden = matrix(rows, config.ffnHiddenDim)
    self.patches = matrix(patches, config.inChannels * config.patchSize * config.patchSize)
  }
}
