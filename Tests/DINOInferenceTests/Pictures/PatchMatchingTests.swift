import DINOInference
import DINOModels
import Foundation
import Imaging
import Testing

/// Mutual nearest neighbours against a planted permutation.
@Suite("Patch matching")
struct PatchMatchingTests {
  private let grid = PatchGrid(height: 6, width: 6)

  private func tokens() -> [[Float]] {
    (0..<36).map { patch in
      (0..<24).map { (index: Int) -> Float in
        let phase = 0.7 * Double(patch * 37 + index * 11)
        return Float(sin(phase + 0.13 * Double(patch * index)))
      }
    }
  }

  private func options(radius: Double, most: Int = 100) -> PatchMatching.Options {
    var options = PatchMatching.Options()
    options.usesForeground = false
    options.radius = radius
    options.most = most
    return options
  }

  @Test("recovers a planted permutation")
  func permutation() throws {
    let tokens = tokens()
    let order = (0..<36).map { ($0 * 7 + 3) % 36 }
    let first = PatchMap(values: tokens.flatMap { $0 }, grid: grid, width: 24)
    let second = PatchMap(
      values: order.flatMap { tokens[$0].map { 2 * $0 } }, grid: grid, width: 24)

    let matches = try PatchMatching(first, second, options(radius: 0)).matches

    #expect(matches.count == 36)
    for match in matches {
      #expect(order[match.second] == match.first)
      #expect(abs(match.similarity - 1) < 1e-5)
    }
  }

  @Test("keeps pairs apart in both images, the most similar first, at most so many")
  func suppression() throws {
    let first = PatchMap(values: tokens().flatMap { $0 }, grid: grid, width: 24)
    let noisy = PatchMap(
      values: first.values.enumerated().map { $1 + 0.05 * Float(sin(Double($0))) }, grid: grid,
      width: 24)

    let matches = try PatchMatching(first, noisy, options(radius: 2, most: 5)).matches

    #expect(matches.count == 5)
    #expect(zip(matches, matches.dropFirst()).allSatisfy { $0.similarity >= $1.similarity })
    for (index, a) in matches.enumerated() {
      for b in matches[..<index] {
        for (p, q) in [(a.first, b.first), (a.second, b.second)] {
          let distance = hypot(Double(p / 6 - q / 6), Double(p % 6 - q % 6))
          #expect(distance >= 2)
        }
      }
    }
  }

  @Test("draws both images with lines between them")
  func picture() throws {
    let map = PatchMap(values: tokens().flatMap { $0 }, grid: grid, width: 24)
    let image = try PixelBuffer(size: Size(height: 84, width: 84), fill: RGB(200, 200, 200))

    let picture = try PatchMatching(map, map, options(radius: 3)).picture(image, map, image, map)

    #expect(picture.size == Size(height: 84 + 48, width: 2 * 84 + 72))
    let center = PatchMatching.center(of: 0, in: map, image.size)
    #expect(center == Point(row: 7, column: 7))
  }

  @Test("similarity is 1 at the chosen patch, and a point outside is refused")
  func similarity() throws {
    let map = PatchMap(values: tokens().flatMap { $0 }, grid: grid, width: 24)

    let values = try PatchSimilarity(at: [(row: 0.5, column: 0.2)], of: map)(map)

    #expect(abs(values[3 * 6 + 1] - 1) < 1e-5)
    #expect(values.allSatisfy { $0 <= 1.00001 } && values.count == 36)
    #expect(throws: InferenceError.self) {
      try PatchSimilarity(at: [(row: 1.2, column: 0)], of: map)
    }
  }

  @Test("keeps the patches that hold a share of the attention")
  func attentionShare() {
    let kept = AttentionMap.keeping(0.6, of: [0.1, 0.4, 0.05, 0.3, 0.15])

    #expect(kept == [0, 0.4, 0, 0.3, 0])
  }
}
