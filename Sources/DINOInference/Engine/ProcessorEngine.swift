package import DINOModels
internal import Imaging
package import Kernels
package import Torch

/// The forward pass by this package's own kernels, in single precision or with bfloat16 operands.
///
/// Each linear layer is packed once, with LayerScale as part of it. The residual stream lies in one
/// buffer of single precision to which the layers add their results; attention never forms more than a
/// few rows of scores.
///
/// Shapes: `M` rows, the tokens of all images; `D` width.
package final class ProcessorEngine: BackboneEngine {
  /// What matrices and the tokens between them are made of.
  package enum Numbers: Sendable {
    /// Single precision.
    case float32
    /// Weights rounded to bfloat16, computed in single precision: for processors without bfloat16.
    case rounded
    /// bfloat16 with sums in single precision.
    case bfloat16
  }

  package let config: VisionTransformerConfig
  private let numbers: Numbers
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

  package var summary: String {
    "\(kernels.level.name) kernels\(numbers == .bfloat16 ? " in bfloat16" : ""), "
      + "\(kernels.threads) thread\(kernels.threads == 1 ? "" : "s")"
  }

  /// Packs a model; the model itself is no longer needed then.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - threads: The number of threads.
  ///   - level: The instruction set.
  ///   - numbers: What matrices are made of; odd widths stay with rounded weights.
  /// - Throws: ``TorchError`` if a parameter is missing.
  package init(
    _ model: VisionTransformer, threads: Int, level: ProcessorLevel = .best,
    numbers: Numbers = .float32
  ) throws(TorchError) {
    config = model.config
    kernels = ProcessorKernels(threads: threads, level: level)
    posEmbed = model.posEmbed
    let hasPairs =
      config.headDim.isMultiple(of: 2) && config.ffnHiddenDim.isMultiple(of: 2)
      && config.embedDim <= ProcessorKernels.mostHalfInputs
    self.numbers = numbers == .bfloat16 && !hasPairs ? .rounded : numbers
    let weights = LayerWeights(model, level: level, numbers: self.numbers)
    patchEmbed = try weights.linear("patch_embed.proj", isExact: true)
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

  package func tokens(
    of images: ImageBatch, after chosen: [Int], normalize: Bool
  ) throws(InferenceError) -> [TokenBatch] {
    let grid = try grid(of: images)
    let rows = images.count * (config.numPrefixTokens + grid.count)
    let space = workspace(rows: rows, patches: images.count * grid.count)
    do { try embed(images, grid, into: space) } catch { throw .torch(error) }
    var results: [TokenBatch] = []
    for (index, block) in blocks.enumerated() {
      if let half = space.half {
        run(block, on: space, half, batch: images.count)
      } else {
        run(block, on: space, batch: images.count)
      }
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

  private func run(
    _ block: PackedBlock, on space: Workspace, _ half: HalfWorkspace, batch: Int
  ) {
    run(block.norm1, space.stream, into: half.mixed)
    kernels.linear(block.qkv, half.mixed, into: half.queriesKeysValues)
    kernels.attention(
      half.queriesKeysValues, into: half.mixed, batch: batch, heads: config.numHeads)
    kernels.add(block.proj, half.mixed, to: space.stream)
    run(block.norm2, space.stream, into: half.mixed)
    kernels.linear(
      block.expand, half.mixed, into: half.hidden, config.ffnLayer.isGated ? .gate : .gelu)
    kernels.add(block.contract, half.hidden, to: space.stream)
  }

  private func run(_ norm: PackedNorm, _ x: Matrix, into y: HalfMatrix) {
    kernels.layerNorm(
      x, weight: norm.weight, bias: norm.bias, epsilon: Float(config.layerNormEpsilon), into: y)
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
    let made = Workspace(
      rows: rows, patches: patches, config, isHalf: numbers == .bfloat16)
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
  /// In place of the middle three, if operands are bfloat16.
  let half: HalfWorkspace?

  init(rows: Int, patches: Int, _ config: VisionTransformerConfig, isHalf: Bool) {
    func matrix(_ rows: Int, _ columns: Int) -> Matrix {
      Matrix(FloatBuffer(count: rows * columns), rows: rows, columns: columns)
    }
    stream = matrix(rows, config.embedDim)
    mixed = matrix(rows, config.embedDim)
    queriesKeysValues = matrix(isHalf ? 0 : rows, 3 * config.embedDim)
    hidden = matrix(isHalf ? 0 : rows, config.ffnHiddenDim)
    self.patches = matrix(patches, config.inChannels * config.patchSize * config.patchSize)
    half = isHalf ? HalfWorkspace(rows: rows, config) : nil
  }
}

/// Tokens between the layers in bfloat16; names as in ``Workspace``.
private struct HalfWorkspace {
  let mixed: HalfMatrix
  let queriesKeysValues: HalfMatrix
  let hidden: HalfMatrix

  init(rows: Int, _ config: VisionTransformerConfig) {
    mixed = HalfMatrix(rows: rows, columns: config.embedDim)
    queriesKeysValues = HalfMatrix(rows: rows, columns: 3 * config.embedDim)
    hidden = HalfMatrix(rows: rows, columns: config.ffnHiddenDim)
  }
}
