import DINOCuration
import DINOData
import DINOInference
import DINOModels
import Foundation
import Imaging
import Testing

@Suite("Learning a vocabulary of patches")
struct VocabularyLearningTests {
  /// Four heaps around corners of a rectangle in the plane of two coordinates of five.
  private static func rows() -> [Float] {
    (0..<400).flatMap { index -> [Float] in
      let noise = (0..<5).map { Float((index * 37 + $0 * 101) % 19) / 19 - 0.5 }
      return [
        3 + 0.1 * noise[0], (index % 2 == 0 ? 10 : -10) + noise[1], 7 + 0.1 * noise[2],
        (index % 4 < 2 ? 4 : -4) + noise[3], 0.1 * noise[4],
      ]
    }
  }

  @Test("finds the directions in which tokens vary, and their heaps")
  func heaps() throws {
    var learning = VocabularyLearning()
    (learning.centres, learning.directions) = (4, 2)
    let found = try learning.vocabulary(of: Self.rows(), width: 5)

    #expect(found.centreCount == 4 && found.directionCount == 2)
    #expect(abs(found.mean[0] - 3) < 0.1 && abs(found.mean[2] - 7) < 0.1)
    #expect(abs(found.directions[1]) > 0.99 && abs(found.directions[5 + 3]) > 0.99)
    let corners = Set(
      (0..<4).map { centre in
        [found.centres[2 * centre] > 0, found.centres[2 * centre + 1] > 0]
      })
    #expect(corners.count == 4)
    for centre in 0..<4 {
      #expect(abs(abs(found.centres[2 * centre]) - 10) < 0.5)
      #expect(abs(abs(found.centres[2 * centre + 1]) - 4) < 0.5)
    }
  }

  @Test("too few tokens are refused; narrow tokens keep all directions")
  func limits() throws {
    let rows = Self.rows()
    var learning = VocabularyLearning()
    #expect(throws: CurationError.self) {
      try learning.vocabulary(of: Array(rows.prefix(64 * 5)), width: 5)
    }
    learning.centres = 8
    #expect(try learning.vocabulary(of: rows, width: 5).directionCount == 5)
  }

  @Test(
    "passes over what cannot be read, is the same on any number of threads, and describes images")
  func images() async throws {
    var request = ModelRequest("dinov2_vits14")
    request.randomSeed = 1
    let model = try await DINOv2.load(request)
    var job = DescriptorJob(DescriptorRecipe(.vlad), Preprocessing(resize: 42, crop: nil))
    var learning = VocabularyLearning()
    (learning.centres, learning.directions, learning.tokensPerImage) = (3, 4, 5)
    let load: @Sendable (Int) throws -> PixelBuffer = { number in
      if number == 2 { throw DataError.usage(problem: "two") }
      var image = try PixelBuffer(
        size: Size(height: 42, width: 56), fill: RGB(UInt8(30 * number), 90, 20))
      for row in 0..<30 { image.setColor(RGB(255, 255, UInt8(row)), row: row, column: number) }
      return image
    }

    job.decoders = 1
    let one = try await learning(Array(0..<6), job, with: model, load: load)
    job.decoders = 3
    let three = try await learning(Array(0..<6), job, with: model, load: load)
    #expect(one == three && one.centreCount == 3 && one.directionCount == 4)
    learning.seed = 1
    #expect(try await learning(Array(0..<6), job, with: model, load: load) != one)

    job.recipe.vocabulary = one
    try await job(
      [0, 1], with: model, load: { .init(try load($0), note: ()) },
      each: { outcomes in
        for outcome in outcomes {
          let descriptor = try outcome.result.get().descriptor ?? []
          let length = descriptor.reduce(0) { $0 + $1 * $1 }
          #expect(descriptor.count == 12 && abs(length - 1) < 1e-5)
        }
      })
  }
}
