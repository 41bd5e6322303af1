internal import DINOModels
internal import Glibc
internal import Torch

/// The weights that ``WhitenedStart`` sets, and the parts of the network that they depend on.
struct WhitenedNetwork {
  /// Sizes of the parts; lengths are those of tokens.
  fileprivate enum Scale {
    /// θ of the recoding, and what contrast is multiplied by before.
    static let threshold = 0.5
    static let gain = 1.5
    /// What contrast normalisation adds to the mean square of a patch's components.
    static let contrastFloor = 0.8
    /// Root mean square of what class tokens collect, and of recoded patches.
    static let content = 2.0
    /// Size of positions.
    static let position = 3.0
    /// What tells the class token from patches, and what makes patches alike in length, over `√D`.
    static let classFlag = 0.5
    static let patchFlag = 3.0
    /// How far the class token's logit lies below those of patches.
    static let avoided = 7.0
    /// Standard deviation of a window, over the side of its cell.
    static let window = 0.375
    /// Standard deviations of the neighbourhoods of patches in the first and the last block that has them;
    /// sides of images go from -1 to 1.
    static let nearest = 0.2
    static let farthest = 0.8
    /// The widest input of the last principal components.
    static let mostPooled = 2048
  }

  private let parameters: ParameterStore
  private let model: VisionTransformerConfig
  private let space: ResidualSpace
  private let regions: Regions
  /// Patches along a side of an image.
  private let grid: Int

  /// Draws coordinates for a network with its random weights.
  ///
  /// - Parameters:
  ///   - parameters: All parameters of the student.
  ///   - model: The backbone's sizes.
  ///   - grid: Patches along a side of an image.
  ///   - patchValues: Values of a patch.
  ///   - generator: Random numbers.
  /// - Throws: `TorchError` if memory is short.
  init(
    _ parameters: ParameterStore, model: VisionTransformerConfig, grid: Int, patchValues: Int,
    _ generator: Generator
  ) throws(TorchError) {
    self.parameters = parameters
    self.model = model
    self.grid = grid
    space = try ResidualSpace(width: model.embedDim, patchValues: patchValues, generator)
    regions = Regions(count: model.numHeads * (model.depth - 1))
  }

  // MARK: - Patches and the first block

  /// Sets the embedding and the first feed-forward network.
  ///
  /// - Parameter patches: Patches at random places, `[M, P]`.
  /// - Throws: `TorchError` if memory is short.
  func setPatches(_ patches: Tensor) throws(TorchError) {
    for parameter in parameters.parameters where parameter.name.hasSuffix(".gamma") {
      if parameter.name.hasPrefix("backbone.") { try parameter.value.fill(1) }
    }
    try keepCoordinatesClean()
    let principal = try PrincipalComponents(of: patches, count: space.components)
    let components = try principal.scaled(power: 0.5)  // [P, C]
    let projection = try space.content.matmul(components.transpose(0, 1))  // [D, P]
    try set("patch_embed.proj.weight", projection)
    try set("patch_embed.proj.bias", -projection.matmul(principal.mean.transpose(0, 1)))
    try set("pos_embed", Tensor.cat([Tensor.zeros([1, model.embedDim]), positions()]))
    try setRecoding((patches - principal.mean).matmul(components))
  }

  /// Lets nothing random write into positions and flags: attention multiplies them by large numbers.
  private func keepCoordinatesClean() throws(TorchError) {
    let reserved = try Tensor.cat([space.position, space.classFlag, space.patchFlag], dim: 1)
    for block in 0..<model.depth {
      for layer in ["attn.proj", "mlp.fc2"] {
        let weight = try value("blocks.\(block).\(layer).weight")
        let written = try reserved.transpose(0, 1).matmul(weight)
        try weight.add(inPlace: reserved.matmul(written), scale: -1)
      }
    }
  }

  /// What is added to patches, `[N, D]`.
  private func positions() throws(TorchError) -> Tensor {
    let middle = (0..<grid).map { Float(2 * $0 + 1) / Float(grid) - 1 }
    let places = middle.flatMap { row in middle.map { column in (row, column) } }
    let squares = places.map { $0.0 * $0.0 + $0.1 * $0.1 }
    let mean = squares.reduce(0, +) / Float(squares.count)
    let values = zip(places, squares).flatMap { [$0.0, $0.1, $1 - mean] }
    let coordinates = try Tensor(values, [grid * grid, 3]) * Scale.position
    return try coordinates.matmul(space.position.transpose(0, 1))
      + space.patchFlag.transpose(0, 1) * firstFlag
  }

  /// What makes normalisation add to the contrast of a patch.
  private var firstFlag: Double { (Scale.contrastFloor * Double(space.components)).squareRoot() }
  /// What is added once patches are recoded.
  private var secondFlag: Double { Scale.patchFlag * width.squareRoot() }
  private var width: Double { Double(model.embedDim) }

  /// Sets the first feed-forward network.
  ///
  /// - Parameter components: Components of patches, `[M, C]`.
  /// - Throws: `TorchError` if memory is short.
  private func setRecoding(_ components: Tensor) throws(TorchError) {
    let count = space.components
    let length = try (components.norm(dim: 1, keepDim: true).pow(2) + firstFlag * firstFlag).sqrt()
    let normalized = try components / length * (Scale.gain * Double(count).squareRoot())
    let hidden = try (Tensor.cat([normalized, -normalized], dim: 1) - Scale.threshold).gelu()
    let principal = try PrincipalComponents(of: hidden, count: space.codes)
    let codes = try principal.scaled(power: 0) * Scale.content  // [2 C, R]
    let rows =
      try space.content.transpose(0, 1) * (Scale.gain * (Double(count) / width).squareRoot())
    // Class tokens fall below the threshold.
    let flag = try space.classFlag.transpose(0, 1)
    let first = try value("blocks.0.mlp.fc1.weight")
    try first.narrow(dim: 0, 0..<(2 * count)).copy(from: Tensor.cat([rows, -rows]) - flag)
    try first.narrow(dim: 0, (2 * count)..<(2 * count + 1)).copy(from: flag)
    try value("blocks.0.mlp.fc1.bias").narrow(dim: 0, 0..<(2 * count)).fill(-Scale.threshold)
    try value("blocks.0.mlp.fc2.weight").narrow(dim: 1, 0..<(2 * count))
      .copy(from: space.recoded.matmul(codes.transpose(0, 1)))
    let mean = try space.recoded.matmul(principal.mean.matmul(codes).transpose(0, 1))
    try set("blocks.0.mlp.fc2.bias", space.patchFlag * secondFlag - mean)
  }

  /// Normalised patches after the first block, without its attention, which hardly adds to them.
  ///
  /// - Parameter pixels: `[B, 3, H, W]`.
  /// - Returns: `[B, N, D]`.
  /// - Throws: `TorchError` if memory is short.
  func recoded(_ pixels: Tensor) throws(TorchError) -> Tensor {
    let patches = try pixels.conv2d(
      weight: value("patch_embed.proj.weight"), bias: value("patch_embed.proj.bias"),
      stride: model.patchSize)
    let x = try patches.flatten(from: 2).transpose(1, 2) + positions()
    let hidden = try normalized(x)
      .linear(weight: value("blocks.0.mlp.fc1.weight"), bias: value("blocks.0.mlp.fc1.bias")).gelu()
    return try normalized(
      x
        + hidden.linear(
          weight: value("blocks.0.mlp.fc2.weight"), bias: value("blocks.0.mlp.fc2.bias")))
  }

  private func normalized(_ x: Tensor) throws(TorchError) -> Tensor {
    try x.layerNorm([model.embedDim], weight: nil, bias: nil, epsilon: model.layerNormEpsilon)
  }

  // MARK: - Regions and the class token

  /// Sets the attention of all blocks but the first, the class token and the last feed-forward network.
  ///
  /// - Parameter batches: What ``recoded(_:)`` gives for the images.
  /// - Throws: `TorchError` if memory is short.
  func setRegions(_ batches: [Tensor]) throws(TorchError) {
    let patchFlag = try batches[0].matmul(space.patchFlag).mean().item()
    // How much shorter normalisation makes patches, by the first images.
    let shrinking = patchFlag / (firstFlag + secondFlag)
    let values = min(
      model.embedDim / model.numHeads, space.codes, max(1, Scale.mostPooled / regions.count))
    var pooled: [Tensor] = []
    for batch in batches {
      let places = try batch.matmul(space.position) / (shrinking * Scale.position)  // [B, N, 3]
      let attention = try regions.logits(places).softmax(dim: 1)  // [B, N, W]
      let codes = try batch.matmul(space.recoded.narrow(dim: 1, 0..<values))
      pooled.append(try attention.transpose(1, 2).matmul(codes).flatten(from: 1))
    }
    let views = try Tensor.cat(pooled)  // [M, W · values]
    let principal = try PrincipalComponents(
      of: views, count: min(space.components, views.shape[1]))
    let summary = try principal.scaled(power: 0.25) * Scale.content  // [W · values, C]
    let output = try content(summary)  // [D, W · values]
    var collected = try -principal.mean.matmul(summary)  // [1, C], later [M, C]
    let flag = Scale.classFlag * width.squareRoot()
    try setClassTokens(space.classFlag * flag + content(collected))
    try cancelForClassTokens(flag: normalized(flag, beside: collected))
    let part = model.numHeads * values
    for block in 1..<model.depth {
      let own = ((block - 1) * part)..<(block * part)
      let flags = try (class: normalized(flag, beside: collected), patch: patchFlag)
      try setAttention(block, flags, position: shrinking * Scale.position)
      try setValues(block, values: values, output: output.narrow(dim: 1, own))
      collected =
        try collected + views.narrow(dim: 1, own).matmul(summary.narrow(dim: 0, own))
    }
    try removePatchFlag(normalized: patchFlag)
  }

  /// Coordinates of content, `[R, C]`, as tokens, `[D, R]`.
  private func content(_ rows: Tensor) throws(TorchError) -> Tensor {
    try space.content.narrow(dim: 1, 0..<rows.shape[1]).matmul(rows.transpose(0, 1))
  }

  /// The mean size of a class token's flag after normalisation.
  private func normalized(_ flag: Double, beside content: Tensor) throws(TorchError) -> Double {
    let lengths = try (content.norm(dim: 1).pow(2) + flag * flag).sqrt()
    return try lengths.pow(-1).mean().item() * flag * width.squareRoot()
  }

  private func setClassTokens(_ token: Tensor) throws(TorchError) {
    try set("cls_token", token)
    for register in 0..<model.numRegisterTokens {
      try value("register_tokens").select(dim: 1, register).copy(from: token.transpose(0, 1))
    }
  }

  /// Takes what the first feed-forward network adds to every token away again from class tokens.
  private func cancelForClassTokens(flag: Double) throws(TorchError) {
    let added = try value("blocks.0.mlp.fc2.bias").unsqueeze(dim: 1)
    let unit = 2 * space.components
    try value("blocks.0.mlp.fc2.weight").narrow(dim: 1, unit..<(unit + 1))
      .copy(from: added * (-1 / flag))
  }

  /// Sets queries and keys of a block: windows for the class token, neighbourhoods for patches.
  ///
  /// - Parameters:
  ///   - block: Its number.
  ///   - flags: Sizes of both flags in the block's input.
  ///   - position: Size of positions in the block's input.
  /// - Throws: `TorchError` if memory is short.
  private func setAttention(
    _ block: Int, _ flags: (class: Double, patch: Double), position: Double
  ) throws(TorchError) {
    let head = model.embedDim / model.numHeads
    // Attention divides by the root of a head's width.
    let root = Double(head).squareRoot().squareRoot()
    let classFlag = try space.classFlag.transpose(0, 1) * (root / flags.class)
    let patchFlag = try space.patchFlag.transpose(0, 1) * (root / flags.patch)
    let places = try space.position.transpose(0, 1) * (root / position)
    let avoided = Scale.avoided.squareRoot()
    let weights = try value("blocks.\(block).attn.qkv.weight")
    for number in 0..<model.numHeads {
      let window = regions.query((block - 1) * model.numHeads + number)
      let first = number * head
      let region = try Tensor.cat(
        window.map { (factor) throws(TorchError) in try classFlag * factor })
      let neighbourhood = try neighbourhood(
        deviation(block), direction: 2 * .pi * Double(number) / Double(model.numHeads),
        places: places, one: patchFlag)
      try weights.narrow(dim: 0, first..<(first + 4)).copy(
        from: Tensor.cat([region + neighbourhood, (classFlag + patchFlag) * -avoided]))
      let keys = (model.embedDim + first)..<(model.embedDim + first + 4)
      try weights.narrow(dim: 0, keys).copy(from: Tensor.cat([places, classFlag * avoided]))
    }
  }

  /// What makes a patch at `p` look around `c`, one deviation from it: `c q - |q|² / 2` over the variance, as
  /// in ``Regions``.
  private func neighbourhood(
    _ deviation: Double, direction: Double, places: Tensor, one: Tensor
  ) throws(TorchError) -> Tensor {
    let rows = try [
      places.narrow(dim: 0, 0..<1) - one * (deviation * cos(direction)),
      places.narrow(dim: 0, 1..<2) + one * (deviation * sin(direction)), one * -0.5,
    ]
    return try Tensor.cat(rows) / (deviation * deviation)
  }

  /// The standard deviation of patches' neighbourhoods in a block: it grows from block to block.
  private func deviation(_ block: Int) -> Double {
    let share = Double(block - 1) / Double(max(model.depth - 2, 1))
    return Scale.nearest * pow(Scale.farthest / Scale.nearest, share)
  }

  /// Sets values and output of a block.
  ///
  /// - Parameters:
  ///   - block: Its number.
  ///   - values: How many codes a head reads.
  ///   - output: What its heads write, `[D, heads · values]`.
  /// - Throws: `TorchError` if memory is short.
  private func setValues(_ block: Int, values: Int, output: Tensor) throws(TorchError) {
    let head = model.embedDim / model.numHeads
    let codes = try space.recoded.narrow(dim: 1, 0..<values).transpose(0, 1)
    for number in 0..<model.numHeads {
      let first = 2 * model.embedDim + number * head
      try value("blocks.\(block).attn.qkv.weight").narrow(dim: 0, first..<(first + values))
        .copy(from: codes)
      try value("blocks.\(block).attn.proj.weight")
        .narrow(dim: 1, (number * head)..<(number * head + values))
        .copy(from: output.narrow(dim: 1, (number * values)..<((number + 1) * values)))
    }
  }

  /// Lets the last feed-forward network take the patches' flag away.
  private func removePatchFlag(normalized flag: Double) throws(TorchError) {
    let last = "blocks.\(model.depth - 1).mlp"
    let row = try (space.patchFlag - space.classFlag).transpose(0, 1)
    try value("\(last).fc1.weight").narrow(dim: 0, 0..<1).copy(from: row)
    try value("\(last).fc2.weight").narrow(dim: 1, 0..<1)
      .copy(from: space.patchFlag * (-(firstFlag + secondFlag) / flag))
  }

  // MARK: - Parameters

  private func value(_ name: String) throws(TorchError) -> Tensor {
    guard let parameter = parameters["backbone.\(name)"] else {
      throw TorchError("whitened start", "the backbone has no \(name)")
    }
    return parameter.value
  }

  private func set(_ name: String, _ values: Tensor) throws(TorchError) {
    let parameter = try value(name)
    try parameter.copy(from: values.reshape(parameter.shape))
  }
}

/// Windows that together cover an image, whose sides go from -1 to 1.
private struct Regions {
  private var centres: [(row: Double, column: Double)] = []
  private let deviation: Double

  /// Spreads windows over rows of nearly equal numbers.
  init(count: Int) {
    let rows = max(1, Int(Double(count).squareRoot()))
    for row in 0..<rows {
      let columns = (row + 1) * count / rows - row * count / rows
      centres += (0..<columns).map { column in
        (Double(2 * row + 1) / Double(rows) - 1, Double(2 * column + 1) / Double(columns) - 1)
      }
    }
    deviation = 2 * WhitenedNetwork.Scale.window / Double(count).squareRoot()
  }

  var count: Int { centres.count }

  /// What a window multiplies row, column and squared distance from the middle by: `c p - |p|² / 2` over
  /// the variance is, but for a constant, the logarithm of a Gaussian around `c`.
  func query(_ number: Int) -> [Double] {
    let centre = centres[number]
    return [centre.row, centre.column, -0.5].map { $0 / (deviation * deviation) }
  }

  /// Logits of all windows, `[B, N, W]`, for places `[B, N, 3]`.
  func logits(_ places: Tensor) throws(TorchError) -> Tensor {
    let queries = (0..<count).flatMap { query($0).map(Float.init) }
    return try places.matmul(Tensor(queries, [count, 3]).transpose(0, 1))
  }
}
