public import Torch

/// The crops and masks of a batch of images, as tensors.
///
/// Shapes: `B` images, `L` local crops of each, `N` patches of a global crop, `M` masked patches.
public struct ViewTensors {
  /// Normalised global crops, `[2B, C, G, G]`: first view of every image, then second view.
  public var globalCrops: Tensor
  /// Normalised local crops, `[L·B, C, S, S]`, view by view; nil without local crops.
  public var localCrops: Tensor?
  /// Patches that the student does not see, bool `[2B, N]`.
  public var masks: Tensor
  /// The positions of the masked patches in `[2B · N]`, int64 `[M]`, ascending.
  public var maskIndices: Tensor
  /// The weight of each masked patch, `[M]`: one over the masked patches of its crop.
  public var maskWeights: Tensor
  /// `B`.
  public var images: Int
  /// `L`.
  public var localCount: Int

  /// Creates a batch.
  ///
  /// - Parameters:
  ///   - globalCrops: `[2B, C, G, G]`.
  ///   - localCrops: `[L·B, C, S, S]`.
  ///   - masks: Bool `[2B, N]`.
  ///   - maskIndices: Int64 `[M]`.
  ///   - maskWeights: `[M]`.
  /// - Throws: ``TorchError`` if a shape does not fit the others.
  public init(
    globalCrops: Tensor, localCrops: Tensor?, masks: Tensor, maskIndices: Tensor,
    maskWeights: Tensor
  ) throws(TorchError) {
    let crops = try globalCrops.size(0)
    let locals = try localCrops?.size(0) ?? 0
    guard crops >= 2, crops % 2 == 0, locals % (crops / 2) == 0, try masks.size(0) == crops,
      maskIndices.elementCount == maskWeights.elementCount
    else {
      throw TorchError(
        "views",
        "expected two global crops of each image, and as many masks and local crops as fit",
        operands: [globalCrops, localCrops, masks, maskIndices].compactMap { $0?.typeDescription })
    }
    self.globalCrops = globalCrops
    self.localCrops = localCrops
    self.masks = masks
    self.maskIndices = maskIndices
    self.maskWeights = maskWeights
    images = crops / 2
    localCount = locals / (crops / 2)
  }

  /// The number of masked patches, `M`.
  public var maskedCount: Int { maskIndices.elementCount }

  /// Parts of the batch that are worked on one after the other.
  ///
  /// - Parameter count: How many; must divide the number of images.
  /// - Returns: The parts, with all crops of their images, and where their rows lie in the whole.
  /// - Throws: ``TorchError`` if the images cannot be divided so.
  func parts(_ count: Int) throws(TorchError) -> [Part] {
    guard count > 1 else {
      return [Part(views: self, classRows: nil, maskRows: nil)]
    }
    guard images % count == 0 else {
      throw TorchError("views", "\(images) images cannot be divided into \(count) equal parts")
    }
    let size = images / count
    let patches = try masks.size(1)
    let indices = try maskIndices.array(of: Int64.self).map(Int.init)
    return try (0..<count).map { part throws(TorchError) in
      try self.part(
        part * size..<(part + 1) * size, patches: patches, maskIndices: indices)
    }
  }

  /// A part of a batch.
  struct Part {
    let views: ViewTensors
    /// Which of the rows `[2B]` of the whole are the part's; nil for all.
    let classRows: [Int]?
    /// Which of the masked patches `[M]` of the whole are the part's; nil for all.
    let maskRows: [Int]?
  }

  private func part(
    _ chosen: Range<Int>, patches: Int, maskIndices indices: [Int]
  ) throws(TorchError) -> Part {
    let classRows = (0..<2).flatMap { view in chosen.map { view * images + $0 } }
    let localRows = (0..<localCount).flatMap { view in chosen.map { view * images + $0 } }
    let newRow = Dictionary(uniqueKeysWithValues: zip(classRows, classRows.indices))
    var (maskRows, newIndices): ([Int], [Int64]) = ([], [])
    for (row, index) in indices.enumerated() {
      guard let crop = newRow[index / patches] else { continue }
      maskRows.append(row)
      newIndices.append(Int64(crop * patches + index % patches))
    }
    let views = try ViewTensors(
      globalCrops: globalCrops.selecting(classRows, dim: 0),
      localCrops: localCrops?.selecting(localRows, dim: 0),
      masks: masks.selecting(classRows, dim: 0),
      maskIndices: Tensor(newIndices), maskWeights: maskWeights.selecting(maskRows, dim: 0))
    return Part(views: views, classRows: classRows, maskRows: maskRows)
  }
}
