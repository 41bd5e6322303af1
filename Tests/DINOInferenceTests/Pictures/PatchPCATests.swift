import DINOInference
import DINOModels
import Foundation
import Imaging
import Testing

/// Joint PCA of patches against data whose components are known.
@Suite("Patch PCA")
struct PatchPCATests {
  private let grid = PatchGrid(height: 10, width: 12)
  private let width = 16

  /// A square object in the middle; its parts differ along one axis, the background is noise.
  private func map(seed: Double, mirrored: Bool = false) -> PatchMap {
    var values: [Float] = []
    for row in 0..<grid.height {
      for column in 0..<grid.width {
        var token = (0..<width).map {
          Float(0.02 * sin(seed + Double(row * 31 + column * 17 + $0 * 7)))
        }
        if isObject(row, column) {
          token[0] += 3
          token[1] += Float(row - 3) * 0.4 * (mirrored ? -1 : 1)
          token[2] += Float(column - 4) * 0.2
        }
        values += token
      }
    }
    return PatchMap(values: values, grid: grid, width: width)
  }

  private func isObject(_ row: Int, _ column: Int) -> Bool {
    (3..<7).contains(row) && (4..<8).contains(column)
  }

  @Test("finds the object in the middle as foreground")
  func foreground() throws {
    let map = map(seed: 0)

    let colors = try PatchPCA.fit([map]).colors(of: map)

    for row in 0..<grid.height {
      for column in 0..<grid.width {
        #expect(colors.isForeground[row * grid.width + column] == isObject(row, column))
      }
    }
  }

  @Test("explains the planted components in their order")
  func explained() throws {
    let pca = try PatchPCA.fit([map(seed: 0), map(seed: 3)])

    #expect(pca.explainedVariance[0] > 0.7 && pca.explainedVariance[1] > 0.1)
    #expect(pca.explainedVariance[2] < 0.01)
    #expect(abs(pca.foregroundShare - 16.0 / 120) < 1e-9)
  }

  @Test("gives equal parts of different images equal colours, whatever the order of the images")
  func jointColors() throws {
    let (a, b) = (map(seed: 0), map(seed: 5))
    let pca = try PatchPCA.fit([a, b])
    let swapped = try PatchPCA.fit([b, a])

    let first = try pca.colors(of: a).picture
    let second = try pca.colors(of: b).picture

    for row in 3..<7 {
      let left = try #require(first.color(row: row, column: 5))
      let right = try #require(second.color(row: row, column: 5))
      #expect(abs(Int(left.red) - Int(right.red)) < 12)
    }
    let again = try swapped.colors(of: a).picture
    #expect(zip(first.storage, again.storage).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
  }

  @Test("colours everything if asked to, and the other side of a threshold")
  func choices() throws {
    let map = map(seed: 0)

    let all = try PatchPCA.fit([map], foreground: .everything).colors(of: map)
    let below = try PatchPCA.fit([map], foreground: .below(nil)).colors(of: map)

    #expect(all.isForeground.allSatisfy { $0 })
    #expect(below.isForeground[0] && !below.isForeground[4 * grid.width + 5])
  }

  @Test("refuses too few patches and images of different models")
  func refusals() {
    let small = PatchMap(
      values: [1, 2, 3, 4], grid: PatchGrid(height: 1, width: 2), width: 2)
    #expect(throws: InferenceError.self) { try PatchPCA.fit([small]) }
    #expect(throws: InferenceError.self) { try PatchPCA.fit([small, map(seed: 0)]) }
    #expect(throws: InferenceError.self) { try PatchPCA.fit([]) }
  }
}
