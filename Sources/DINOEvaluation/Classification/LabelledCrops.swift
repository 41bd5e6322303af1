public import DINOData
internal import Imaging
public import Torch

/// Labelled images, decoded and cropped once, to be embedded again and again.
public final class LabelledCrops {
  /// The class index of each image.
  public let labels: [Int]
  /// The names of the classes.
  public let classNames: [String]
  /// Images that could not be used, one line each.
  public let failures: [String]
  private let crops: [PixelBuffer]
  private let side: Int

  /// Decodes and crops images: the shorter side is resized to the side of the crop, the centre is
  /// kept.
  ///
  /// Blocks the calling thread; images are decoded on threads of their own.
  ///
  /// - Parameters:
  ///   - images: The images.
  ///   - side: The side of the square crop, a multiple of the patch side.
  ///   - limit: At most this many images, spread evenly; 0 for all.
  ///   - threads: Threads that decode.
  /// - Throws: `DataError` if no image can be used.
  public init(
    _ images: LabelledImages, side: Int, limit: Int = 0, threads: Int = 2
  ) throws(DataError) {
    let count = images.references.count
    let wanted = limit > 0 ? min(limit, count) : count
    let chosen = (0..<wanted).map { $0 * count / max(wanted, 1) }
    let preprocessing = Preprocessing(resize: side, crop: Size(height: side, width: side))
    let pipeline = OrderedPipeline(
      chosen.map { images.references[$0] }, threads: threads, ahead: 4 * threads
    ) { reference in
      try preprocessing.crop(reference.decode())
    }
    var (crops, labels, failures): ([PixelBuffer], [Int], [String]) = ([], [], [])
    while let item = pipeline.waitForNext() {
      switch item.result {
      case .success(let crop):
        crops.append(crop)
        labels.append(images.labels[chosen[item.index]])
      case .failure(let error): failures.append("\(error)")
      }
    }
    guard !crops.isEmpty else {
      throw .unusable(
        place: images.references.first?.displayName ?? "labelled images",
        problem: "none of \(count) labelled images could be used; \(failures.first ?? "")")
    }
    self.crops = crops
    self.labels = labels
    self.failures = failures
    self.side = side
    classNames = images.classNames
  }

  /// What is computed for all images, batch by batch.
  ///
  /// - Parameters:
  ///   - batch: Images of a batch.
  ///   - shouldStop: Asked before each batch; true ends the work.
  ///   - body: Maps normalised pixels `[B, 3, side, side]` to features `[B, D]`.
  /// - Returns: Features, `[N, D]`; nil if the work was ended.
  /// - Throws: What `body` throws.
  public func features(
    batch: Int = 64, unless shouldStop: () -> Bool = { false },
    _ body: (Tensor) throws(TorchError) -> Tensor
  ) throws(TorchError) -> Tensor? {
    let preprocessing = Preprocessing(resize: nil, crop: nil)
    var parts: [Tensor] = []
    for start in stride(from: 0, to: crops.count, by: batch) {
      guard !shouldStop() else { return nil }
      let chosen = crops[start..<min(start + batch, crops.count)]
      let length = 3 * side * side
      var values = [Float](repeating: 0, count: chosen.count * length)
      for (index, crop) in chosen.enumerated() {
        do {
          try unsafe values.withUnsafeMutableBufferPointer { buffer in
            try unsafe preprocessing.normalize(
              crop,
              into: UnsafeMutableBufferPointer(
                rebasing: buffer[index * length..<(index + 1) * length]))
          }
        } catch {
          throw TorchError("features", "\(error)")
        }
      }
      parts.append(try body(Tensor(values, [chosen.count, 3, side, side])))
    }
    return try .cat(parts)
  }
}
