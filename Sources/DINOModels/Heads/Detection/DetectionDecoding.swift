public import Torch

/// A box that a head found.
public struct ScoredBox: Sendable, Equatable {
  /// The left edge, pixels.
  public var left: Float
  /// The upper edge, pixels.
  public var top: Float
  /// The right edge, pixels.
  public var right: Float
  /// The lower edge, pixels.
  public var bottom: Float
  /// The score, 0 to 1.
  public var score: Float
  /// The class by index.
  public var classIndex: Int

  /// Describes a box.
  ///
  /// - Parameters:
  ///   - edges: Left, top, right, bottom.
  ///   - score: The score, 0 to 1.
  ///   - classIndex: The class by index.
  public init(_ edges: SIMD4<Float>, score: Float, classIndex: Int) {
    (left, top, right, bottom) = (edges[0], edges[1], edges[2], edges[3])
    self.score = score
    self.classIndex = classIndex
  }

  /// Width times height.
  public var area: Float { max(right - left, 0) * max(bottom - top, 0) }

  /// Intersection over union.
  ///
  /// - Parameter other: Another box.
  /// - Returns: 0 to 1.
  public func overlap(with other: ScoredBox) -> Float {
    let width = min(right, other.right) - max(left, other.left)
    let height = min(bottom, other.bottom) - max(top, other.top)
    guard width > 0, height > 0 else { return 0 }
    return width * height / (area + other.area - width * height)
  }
}

/// Chooses boxes among the predictions of all places.
public struct DetectionDecoding: Sendable, Equatable {
  /// The least score.
  public var leastScore: Float = 0.05
  /// How many predictions, the best of an image, are looked at.
  public var candidates = 1000
  /// From which overlap on the weaker of two boxes of a class is dropped.
  public var overlap: Float = 0.6
  /// The most boxes of an image.
  public var most = 100

  /// Chooses as COCO's evaluation wants it.
  public init() {}

  /// The boxes of an image, best first.
  ///
  /// - Parameters:
  ///   - output: The predictions.
  ///   - image: The image's place in the batch.
  /// - Returns: Boxes in pixels of the padded image.
  /// - Throws: `TorchError` if there is no such image.
  public func boxes(_ output: DetectionOutput, image: Int) throws(TorchError) -> [ScoredBox] {
    let scores = try output.logits.select(dim: 0, image).sigmoid().flatten()  // [N · K]
    let classes = try output.logits.size(2)
    let count = min(candidates, scores.elementCount)
    guard count > 0 else { return [] }
    let top = try scores.topK(count, dim: 0)
    let values = try top.values.to(dtype: .float32).floats()
    let indices = try top.indices.array(of: Int64.self).map { Int($0) }
    let edges = try output.boxes.select(dim: 0, image)
      .selecting(indices.map { $0 / classes }, dim: 0).to(dtype: .float32).floats()
    var found: [ScoredBox] = []
    for (place, score) in values.enumerated() where score >= leastScore {
      let box = SIMD4(edges[4 * place..<4 * place + 4])
      found.append(ScoredBox(box, score: score, classIndex: indices[place] % classes))
    }
    return suppressed(found)
  }

  /// Drops each box that overlaps a better one of its class too much.
  ///
  /// - Parameter boxes: Boxes in any order.
  /// - Returns: What is left, best first; equal scores keep their order.
  public func suppressed(_ boxes: [ScoredBox]) -> [ScoredBox] {
    let order = boxes.indices.sorted { first, second in
      (boxes[second].score, first) < (boxes[first].score, second)
    }
    var kept: [ScoredBox] = []
    var byClass: [Int: [ScoredBox]] = [:]
    for index in order where kept.count < most {
      let box = boxes[index]
      let isDoubled = byClass[box.classIndex, default: []].contains {
        $0.overlap(with: box) > overlap
      }
      guard !isDoubled else { continue }
      byClass[box.classIndex, default: []].append(box)
      kept.append(box)
    }
    return kept
  }
}
