internal import DINOData
package import DINOModels
package import Torch

/// What masks are to find in images of one grid: one mask for each class that an image holds.
///
/// Points without a known class belong to no mask and count nowhere.
///
/// Shapes: `B` images, `K` classes, `P` points of the target grid, `p` pixel embeddings.
package struct MaskTargets {
  /// The classes of each image, ascending; none if no point of it is known.
  package let present: [[Int]]
  /// The number of classes.
  package let classes: Int
  /// The size of the target grid.
  package let size: DenseSize
  /// Class by number, `[B, P]`; outside of the classes where it is unknown.
  let labels: Tensor
  /// 1 where the class is known, `[B, P]`.
  let known: Tensor
  /// The share of each class of a pixel embedding's points, `[B, K, p]`.
  let coarse: Tensor
  /// The share of known points, `[B, 1, p]`.
  let coarseKnown: Tensor

  /// The number of images with a known point.
  package var usable: Int { present.count { !$0.isEmpty } }

  /// Sorts out labels.
  ///
  /// - Parameters:
  ///   - labels: Classes at the points of the target grid, image by image, row by row.
  ///   - size: The size of the target grid.
  ///   - classes: The number of classes; other labels are unknown.
  ///   - upsampling: Pixel embeddings over target points, per axis.
  ///   - dtype: What is computed with.
  /// - Throws: `TorchError` if a count does not fit the size.
  package init(
    _ labels: [[UInt16]], size: DenseSize, classes: Int, upsampling: Double,
    dtype: DType = .float32
  ) throws(TorchError) {
    self.size = size
    self.classes = classes
    present = labels.map { image in
      var isPresent = [Bool](repeating: false, count: classes)
      for label in image where label < classes { isPresent[Int(label)] = true }
      return isPresent.indices.filter { isPresent[$0] }
    }
    let (b, p) = (labels.count, size.height * size.width)
    self.labels = try Tensor(labels.joined().map(Int64.init), [b, p])
    known = try self.labels.isLess(than: Double(classes)).to(dtype: dtype)
    let numbers = try Tensor((0..<classes).map(Int64.init), [1, classes, 1])
    let masks = try self.labels.unsqueeze(dim: 1).isEqual(to: numbers).to(dtype: dtype)
    coarse = try masks.reshape(b, classes, size.height, size.width).scaled(by: upsampling)
      .flatten(from: 2)
    coarseKnown = try known.reshape(b, 1, size.height, size.width).scaled(by: upsampling)
      .flatten(from: 2)
  }
}

/// A query that is to learn the mask of a class in an image.
package struct MaskMatch: Sendable, Equatable {
  /// The position of the image.
  package let image: Int
  /// The position of the query.
  package let query: Int
  /// The class.
  package let category: Int
}
