/// What a batch is to teach a detection head.
///
/// Shapes: `B` images, `N` places, `K` classes, `P` places that find something.
package struct DetectionTargets: Sendable, Equatable {
  /// The scores to learn, `[B, N, K]`.
  package private(set) var quality: [Float]
  /// 1 where the scores of a place count, otherwise 0: `[B, N]`.
  package private(set) var counts: [Float]
  /// Places that find something, in `[B · N]`.
  package private(set) var places: [Int] = []
  /// Their objects' boxes, left, top, right, bottom: `[P, 4]`.
  package private(set) var boxes: [Float] = []
  /// Their qualities, `[P]`.
  package private(set) var weights: [Float] = []
  private let placeCount: Int
  private let classes: Int

  /// Nothing to find anywhere.
  ///
  /// - Parameters:
  ///   - images: The number of images.
  ///   - places: The number of places of each.
  ///   - classes: The number of classes.
  package init(images: Int, places: Int, classes: Int) {
    quality = Array(repeating: 0, count: images * places * classes)
    counts = Array(repeating: 1, count: images * places)
    placeCount = places
    self.classes = classes
  }

  /// The sum of the qualities.
  package var total: Double { weights.reduce(0) { $0 + Double($1) } }

  /// Adds what was assigned in an image.
  mutating func add(
    _ found: TaskAlignedAssignment.Result, of objects: [TargetBox], image: Int
  ) {
    for (index, place) in found.places.enumerated() {
      let object = objects[found.objects[index]]
      quality[(image * placeCount + place) * classes + object.category] = found.qualities[index]
      places.append(image * placeCount + place)
      weights.append(found.qualities[index])
      boxes += (0..<4).map { object.edges[$0] }
    }
    for place in found.ignored { counts[image * placeCount + place] = 0 }
  }
}
