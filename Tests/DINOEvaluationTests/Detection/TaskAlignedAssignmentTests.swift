import DINOEvaluation
import DINOModels
import Testing

@Suite("TaskAlignedAssignment")
struct TaskAlignedAssignmentTests {
  private let config: DetectionHeadConfig = {
    var config = DetectionHeadConfig(embedDim: 4, taps: 1, patchSize: 10, classes: 2)
    config.coarsest = 1
    return config
  }()

  /// A grid of 6 × 8 cells of 10 pixels, and 3 × 4 of 20.
  private var grid: DetectionGrid { DetectionGrid(height: 6, width: 8, config) }

  /// Equal scores, and at each place a box of a size around its centre.
  private func predictions(
    side: Float = 20, _ change: (inout [Float], inout [Float]) -> Void = { _, _ in }
  ) -> TaskAlignedAssignment.Predictions {
    var scores = [Float](repeating: 0.1, count: 2 * grid.count)
    let centers = grid.centers
    var boxes = (0..<grid.count).flatMap { place -> [Float] in
      let (x, y) = (centers[2 * place], centers[2 * place + 1])
      return [x - side / 2, y - side / 2, x + side / 2, y + side / 2]
    }
    change(&scores, &boxes)
    return .init(grid: grid, scores: scores[...], boxes: boxes[...], classes: 2)
  }

  @Test("places lie in the box, the best first; qualities are at most the overlap")
  func inside() {
    let target = TargetBox([20, 10, 50, 40], category: 1)
    let result = TaskAlignedAssignment()([target], predictions(side: 30))

    let centers = grid.centers
    #expect(result.places.count == 9 && Set(result.objects) == [0])
    for place in result.places {
      #expect(centers[2 * place] > 20 && centers[2 * place] < 50)
      #expect(centers[2 * place + 1] > 10 && centers[2 * place + 1] < 40)
    }
    // The cell in the middle, row 2 and column 3, predicts the box exactly.
    let middle = result.places.firstIndex(of: 2 * 8 + 3)
    #expect(middle.map { result.qualities[$0] } == 1)
    #expect(result.qualities.allSatisfy { $0 >= 0 && $0 <= 1 })
    #expect(result.places == result.places.sorted() && result.ignored.isEmpty)
  }

  @Test("a higher score of the class draws places; another class does not")
  func scores() {
    let target = TargetBox([0, 0, 80, 60], category: 1)
    let chosen = 8 + 1
    let drawn = TaskAlignedAssignment()(
      [target], predictions { scores, _ in scores[2 * chosen + 1] = 0.9 })
    let other = TaskAlignedAssignment()(
      [target], predictions { scores, _ in scores[2 * chosen] = 0.9 })
    let plain = TaskAlignedAssignment()([target], predictions())

    #expect(drawn.places.contains(chosen))
    #expect(other == plain)
  }

  @Test("an object between all centres gets the nearest place; the border is no exception")
  func tiny() {
    let targets = [
      TargetBox([18, 18, 21, 21], category: 0), TargetBox([79, 59, 80, 60], category: 1),
    ]
    let result = TaskAlignedAssignment()(targets, predictions())

    #expect(result.places == [8 + 1, 47] && result.objects == [0, 1])
  }

  @Test("a place of two objects goes to the one that it overlaps more")
  func conflict() {
    let targets = [
      TargetBox([0, 0, 40, 40], category: 0), TargetBox([10, 10, 60, 60], category: 0),
    ]
    let input = predictions(side: 40)
    var assignment = TaskAlignedAssignment()
    assignment.count = 1000

    let result = assignment(targets, input)

    let centers = grid.centers
    var shared = 0
    for (place, object) in zip(result.places, result.objects) {
      let (x, y) = (centers[2 * place], centers[2 * place + 1])
      let holders = targets.indices.filter { index in
        let edges = targets[index].edges
        return x >= edges[0] && x <= edges[2] && y >= edges[1] && y <= edges[3]
      }
      let box = ScoredBox(SIMD4(input.boxes[4 * place..<4 * place + 4]), score: 0, classIndex: 0)
      let overlaps = targets.map { ScoredBox($0.edges, score: 0, classIndex: 0).overlap(with: box) }
      #expect(holders.contains(object) && overlaps[object] == holders.map { overlaps[$0] }.max())
      if holders.count == 2 { shared += 1 }
    }
    // 9 fine cells and 4 coarse ones lie in both; the middles of two coarse rows are on a side.
    #expect(shared == 13 && Set(result.objects) == [0, 1])
  }

  @Test("places in crowds do not count, unless an object has them")
  func crowds() {
    let targets = [
      TargetBox([0, 0, 40, 40], category: 0, isCrowd: true),
      TargetBox([0, 0, 9, 9], category: 1),
    ]
    let result = TaskAlignedAssignment()(targets, predictions())

    #expect(result.places == [0])
    // 16 fine cells and 4 coarse ones, less the one that finds the object.
    #expect(result.ignored.count == 16 + 4 - 1 && !result.ignored.contains(0))
  }

  @Test("nothing to find: nothing assigned; hopeless boxes: qualities of 0")
  func degenerate() {
    let nothing = TaskAlignedAssignment()([], predictions())
    #expect(nothing.places.isEmpty && nothing.ignored.isEmpty)
    let result = TaskAlignedAssignment()(
      [TargetBox([0, 0, 20, 20], category: 0)],
      predictions { _, boxes in boxes = boxes.map { _ in 500 } })
    #expect(!result.places.isEmpty && result.qualities.allSatisfy { $0 == 0 })
  }
}
