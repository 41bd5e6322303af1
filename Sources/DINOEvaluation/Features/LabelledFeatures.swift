public import DINOData
public import Torch

/// Features of labelled images, row by row.
public struct LabelledFeatures {
  /// `[N, (L + 1) · D]`, float32: class tokens of the last blocks, then the mean patch token.
  public let rows: Tensor
  /// How many blocks a row has, `L`.
  public let layers: Int
  /// The class index of each row.
  public let labels: [Int]
  /// The number of the image of each row.
  public let images: [Int]
  /// Images that gave no row, one line each.
  public let failures: [String]
  /// Whether the rows were computed by an earlier run.
  public let isCached: Bool

  /// The class tokens of the last block, `[N, D]`.
  public var clsTokens: Tensor {
    get throws(TorchError) {
      let width = try rows.size(1) / (layers + 1)
      let input = LinearProbeInput(blocks: 1, usesAveragePooling: false)
      return try rows.narrow(dim: 1, input.columns(layers: layers, embedDim: width)).contiguous()
    }
  }

  /// Chosen rows.
  ///
  /// - Parameter indices: Row numbers.
  /// - Returns: Features and labels in that order.
  /// - Throws: `TorchError` if there is no such row.
  public func selecting(_ indices: [Int]) throws(TorchError) -> LabelledFeatures {
    LabelledFeatures(
      rows: try rows.selecting(indices, dim: 0), layers: layers,
      labels: indices.map { labels[$0] }, images: indices.map { images[$0] },
      failures: failures, isCached: isCached)
  }
}

/// Class indices that mean the same in two sets.
public enum ClassAgreement {
  /// The labels of test images by the class indices of the training images: equal names, equal index.
  ///
  /// - Parameters:
  ///   - test: The test images.
  ///   - train: The training images.
  /// - Returns: One index of `train.classNames` per test image.
  /// - Throws: `DataError.unusable` if a test image's class is no class of the training images.
  public static func labels(
    of test: LabelledImages, in train: LabelledImages
  ) throws(DataError) -> [Int] {
    let indices = Dictionary(
      train.classNames.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    var labels: [Int] = []
    for (image, label) in zip(test.references, test.labels) {
      let name = test.classNames[label]
      guard let index = indices[name] else {
        throw .unusable(
          place: image.displayName,
          problem: "its class \(RawPath(name).displayName) is none of the \(indices.count) classes "
            + "of the training images, which begin with "
            + train.classNames.prefix(3).map { RawPath($0).displayName }.joined(separator: ", ")
            + "; both sets must name the same classes (folders, or one classes.txt)")
      }
      labels.append(index)
    }
    return labels
  }
}
