internal import Glibc
public import Torch

/// All classifiers of a grid, trained at once on the same rows.
///
/// Classifiers that see the same tokens stand in one matrix, one product serves them all. Each learns
/// by SGD with momentum at its own rate, which falls to zero as a cosine; weights start normal with
/// deviation 0.01, biases at 0. The losses are added, so no classifier influences another.
///
/// Source: `dinov2.eval.linear`; Oquab et al., 2023, appendix B.3.
///
/// Shapes: `B` rows, `H` heads of an input, `K` classes, `F` columns of the input.
public final class LinearProbeGrid {
  /// The classifiers.
  public let heads: [LinearProbeHead]
  /// The number of classes, `K`.
  public let classes: Int
  /// Steps until the learning rate is zero.
  public let iterations: Int
  /// Steps taken.
  public private(set) var iteration = 0
  /// The share of the velocity that is kept from step to step.
  public var momentum = 0.9
  private var groups: [Group] = []

  /// The heads of one input.
  private struct Group {
    let heads: [Int]
    let columns: Range<Int>
    /// The first learning rate of each row, `[H · K, 1]`.
    let rates: Tensor
    let weight: Tensor  // [H · K, F]
    let bias: Tensor  // [H · K, 1]
    let weightVelocity: Tensor
    let biasVelocity: Tensor
  }

  /// Creates the classifiers.
  ///
  /// - Parameters:
  ///   - heads: The classifiers, of different names.
  ///   - classes: The number of classes.
  ///   - layers: How many blocks a row has.
  ///   - embedDim: The width of a token.
  ///   - iterations: Steps until the learning rate is zero, at least 1.
  ///   - generator: Where the first weights come from.
  /// - Throws: `TorchError` if there is no head or class, a name is taken, or a head asks for more
  ///   blocks than a row has.
  public init(
    _ heads: [LinearProbeHead], classes: Int, layers: Int, embedDim: Int, iterations: Int,
    generator: Generator
  ) throws(TorchError) {
    guard !heads.isEmpty, classes > 0, iterations > 0, embedDim > 0 else {
      throw TorchError(
        "linear_probe", "\(heads.count) heads, \(classes) classes, \(iterations) iterations")
    }
    guard Set(heads.map(\.name)).count == heads.count else {
      throw TorchError("linear_probe", "two heads have one name")
    }
    if let wrong = heads.first(where: { !(1...max(layers, 1)).contains($0.input.blocks) }) {
      throw TorchError("linear_probe", "\(wrong.name) needs other blocks than the row's \(layers)")
    }
    self.heads = heads
    self.classes = classes
    self.iterations = iterations
    var places: [LinearProbeInput: [Int]] = [:]
    for (index, head) in heads.enumerated() { places[head.input, default: []].append(index) }
    // In the order of first appearance: random draws must not depend on a dictionary's order.
    for (index, head) in heads.enumerated() where places[head.input]?.first == index {
      let members = places[head.input] ?? []
      let columns = head.input.columns(layers: layers, embedDim: embedDim)
      let (h, f) = (members.count, columns.count)
      groups.append(
        Group(
          heads: members, columns: columns,
          rates: try Tensor(
            members.flatMap { [Float](repeating: Float(heads[$0].learningRate), count: classes) },
            [h * classes, 1]),
          weight: try Tensor.randn([h * classes, f], generator: generator) * 0.01,
          bias: try .zeros([h * classes, 1]), weightVelocity: try .zeros([h * classes, f]),
          biasVelocity: try .zeros([h * classes, 1])))
    }
  }

  /// The share of the first learning rate at the present step.
  public var schedule: Double { (1 + cos(.pi * Double(iteration) / Double(iterations))) / 2 }

  /// Trains all classifiers on a batch.
  ///
  /// - Parameters:
  ///   - rows: Tokens as ``LinearProbeInput/rows(_:)`` gives them, `[B, (L + 1) · D]`.
  ///   - labels: The class index of each row.
  /// - Returns: The sum of the classifiers' mean cross-entropies before the step, in nats.
  /// - Throws: `TorchError` if a shape or a label does not fit.
  @discardableResult
  public func step(_ rows: Tensor, labels: [Int]) throws(TorchError) -> Double {
    let (b, _) = try rows.shape2()
    guard b > 0, b == labels.count, labels.allSatisfy({ (0..<classes).contains($0) }) else {
      throw TorchError(
        "linear_probe", "\(labels.count) labels for \(b) rows in \(classes) classes")
    }
    let share = schedule
    let loss = try withoutGradient { () throws(TorchError) in
      let truth = try Tensor(labels.map(Int64.init), [1, 1, b])
      let targets = try Tensor.zeros([1, classes, b]).scatterAdding(
        .ones([1, 1, b]), at: truth, dim: 1)
      var loss = 0.0
      for group in groups {
        let (x, h) = (try rows.narrow(dim: 1, group.columns), group.heads.count)
        let logs = try scores(x, group).logSoftmax(dim: 1)  // [H, K, B]
        loss -= try logs.gather(dim: 1, truth.expand(h, 1, b)).sum().item() / Double(b)
        // From here on the memory of `logs` holds the errors.
        try logs.exponentiate()
        try logs.add(inPlace: targets, scale: -1)
        let errors = try logs.reshape(h * classes, b)
        try group.weightVelocity.multiply(
          inPlace: momentum, addingProductOf: errors, x, scale: 1 / Double(b))
        try group.biasVelocity.multiply(
          inPlace: momentum, addingProductOf: errors, .ones([b, 1]), scale: 1 / Double(b))
        try group.weight.add(inPlace: group.weightVelocity, times: group.rates, scale: -share)
        try group.bias.add(inPlace: group.biasVelocity, times: group.rates, scale: -share)
      }
      return loss
    }
    iteration += 1
    return loss
  }

  /// The scores of every classifier.
  ///
  /// - Parameter rows: Tokens, `[B, (L + 1) · D]`.
  /// - Returns: Logits `[B, K]`, in the order of ``heads``.
  /// - Throws: `TorchError` if the width does not fit.
  public func logits(_ rows: Tensor) throws(TorchError) -> [Tensor] {
    try withoutGradient { () throws(TorchError) in
      var found: [Int: Tensor] = [:]
      for group in groups {
        let all = try scores(rows.narrow(dim: 1, group.columns), group).transpose(1, 2)
        for (position, head) in group.heads.enumerated() {
          found[head] = try all.select(dim: 0, position)
        }
      }
      return heads.indices.compactMap { found[$0] }
    }
  }

  /// The weights of a classifier.
  ///
  /// - Parameter head: Its position in ``heads``.
  /// - Returns: Copies of the weight `[K, F]` and the bias `[K]`.
  /// - Throws: `TorchError` if there is no such classifier.
  public func parameters(of head: Int) throws(TorchError) -> (weight: Tensor, bias: Tensor) {
    let (group, position) = try place(of: head)
    return try (
      group.weight.narrow(dim: 0, rows(of: position)).clone(),
      group.bias.narrow(dim: 0, rows(of: position)).flatten().clone()
    )
  }

  /// Takes over the weights of a classifier.
  ///
  /// - Parameters:
  ///   - weight: `[K, F]`.
  ///   - bias: `[K]`.
  ///   - head: Its position in ``heads``.
  /// - Throws: `TorchError` if there is no such classifier or a shape differs.
  public func load(weight: Tensor, bias: Tensor, of head: Int) throws(TorchError) {
    let (group, position) = try place(of: head)
    let target = try group.weight.narrow(dim: 0, rows(of: position))
    guard weight.shape == target.shape, bias.shape == [classes] else {
      throw TorchError(
        "load", "\(heads[head].name) is \(target.shape), given \(weight.shape) and \(bias.shape)",
        kind: .mismatchedParameters)
    }
    try target.copy(from: weight)
    try group.bias.narrow(dim: 0, rows(of: position)).copy(from: bias.reshape(classes, 1))
  }

  private func place(of head: Int) throws(TorchError) -> (group: Group, position: Int) {
    for group in groups {
      if let position = group.heads.firstIndex(of: head) { return (group, position) }
    }
    throw TorchError("linear_probe", "no head \(head); there are \(heads.count)")
  }

  private func rows(of position: Int) -> Range<Int> {
    position * classes..<(position + 1) * classes
  }

  /// Logits `[H, K, B]` of rows `[B, F]`.
  private func scores(_ x: Tensor, _ group: Group) throws(TorchError) -> Tensor {
    try group.bias.adding(productOf: group.weight, x.transpose(0, 1))
      .reshape(group.heads.count, classes, -1)
  }
}
