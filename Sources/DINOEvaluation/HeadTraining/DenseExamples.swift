package import DINOInference
package import DINOModels
package import Torch

/// An image as a head sees it in training: tokens and what is known at the points of its view.
package struct DenseExample {
  let grid: PatchGrid
  /// `[1, L · D]`.
  let clsToken: Tensor
  /// `[N, L · D]`.
  let patches: Tensor
  let target: DenseTarget

  /// Puts tokens and target together.
  ///
  /// - Parameters:
  ///   - grid: The patches.
  ///   - rows: The class token, then the patches, `[1 + N, L · D]`.
  ///   - target: What is known at the points of the view.
  /// - Throws: `TorchError` if there are fewer rows.
  package init(_ grid: PatchGrid, _ rows: Tensor, _ target: DenseTarget) throws(TorchError) {
    self.grid = grid
    clsToken = try rows.narrow(dim: 0, 0..<1)
    patches = try rows.narrow(dim: 0, 1..<1 + grid.count)
    self.target = target
  }

  init(grid: PatchGrid, clsToken: Tensor, patches: Tensor, target: DenseTarget) {
    (self.grid, self.clsToken, self.patches, self.target) = (grid, clsToken, patches, target)
  }
}

/// Where examples come from.
package protocol DenseExamples {
  /// The number of images.
  var count: Int { get }

  /// Chosen images.
  ///
  /// - Parameters:
  ///   - indices: Their numbers, below ``count``.
  ///   - step: The step that they are wanted for; random views are a function of it.
  /// - Returns: One example per number, less those that could not be read.
  /// - Throws: `InferenceError` if the model or the memory fails.
  func examples(_ indices: [Int], step: Int) async throws(InferenceError) -> [DenseExample]
}

/// Examples from features that were computed before.
package struct CachedExamples: DenseExamples {
  private let features: DenseFeatures
  private let items: [(place: DenseFeatures.Place, target: DenseTarget)]

  package var count: Int { items.count }

  /// Puts features and targets together; images without one of them are left out.
  ///
  /// - Parameters:
  ///   - features: The features.
  ///   - targets: What is known of each of their images.
  ///   - indices: Which images.
  package init(_ features: DenseFeatures, targets: [DenseTarget?], _ indices: [Int]) {
    self.features = features
    items = indices.compactMap { index in
      guard let place = features.places[index], let target = targets[index] else { return nil }
      return (place, target)
    }
  }

  package func examples(
    _ indices: [Int], step: Int
  ) async throws(InferenceError) -> [DenseExample] {
    do throws(TorchError) {
      return try indices.map { index throws(TorchError) in
        let (place, target) = items[index]
        return DenseExample(
          grid: place.grid, clsToken: try features.clsToken(place),
          patches: try features.patches(place), target: target)
      }
    } catch { throw .torch(error) }
  }
}

extension [DenseExample] {
  /// Parts of examples of one grid, small enough that each makes at most so many numbers.
  ///
  /// - Parameters:
  ///   - perPoint: Numbers that a point of the target grid makes.
  ///   - scale: Points per patch and axis.
  /// - Returns: The parts, in order.
  func groups(perPoint: Int, scale: Int) -> [[DenseExample]] {
    // 64 MiB of float32, of which a backward pass keeps a handful.
    let budget = 1 << 24
    var order: [PatchGrid] = []
    var members: [PatchGrid: [DenseExample]] = [:]
    for example in self {
      if members[example.grid] == nil { order.append(example.grid) }
      members[example.grid, default: []].append(example)
    }
    return order.flatMap { grid -> [[DenseExample]] in
      let numbers = Swift.max(grid.count * scale * scale * perPoint, 1)
      let size = Swift.max(budget / numbers, 1)
      let all = members[grid] ?? []
      return stride(from: 0, to: all.count, by: size).map {
        Array(all[$0..<Swift.min($0 + size, all.count)])
      }
    }
  }

  /// All patches, `[B · N, L · D]`.
  func patches() throws(TorchError) -> Tensor { try .cat(map(\.patches), dim: 0) }

  /// All class tokens, `[B, L · D]`.
  func clsTokens() throws(TorchError) -> Tensor { try .cat(map(\.clsToken), dim: 0) }
}
