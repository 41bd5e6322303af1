import DINOInference
import DINOModels
import Imaging
import Testing

@Suite("WholeImageView")
struct WholeImageViewTests {
  @Test("resizes sides to the nearest multiples of the patch and maps places to patches")
  func geometry() throws {
    let view = try WholeImageView(
      imageSize: Size(height: 480, width: 854), shorterSide: 480, patchSize: 14)

    // 480 / 14 = 34.3, 854 / 14 = 61.
    #expect(view.grid == PatchGrid(height: 34, width: 61))
    #expect(view.size == Size(height: 476, width: 854))
    #expect(view.patch(at: Point(row: 0, column: 0)) == 0)
    #expect(view.patch(at: Point(row: 479.9, column: 853.9)) == 34 * 61 - 1)
    #expect(view.patch(at: Point(row: 14.2, column: 13.9)) == 61)
    for place in [
      Point(row: -0.1, column: 0), Point(row: 480, column: 0), Point(row: 0, column: 854),
      Point(row: .nan, column: 0), Point(row: 0, column: .infinity),
    ] { #expect(view.patch(at: place) == nil) }
  }

  @Test("a tiny image is one patch at least; sizes that cannot be are refused")
  func limits() throws {
    let tiny = try WholeImageView(
      imageSize: Size(height: 1, width: 3), shorterSide: 5, patchSize: 14)
    #expect(tiny.grid == PatchGrid(height: 1, width: 1))

    for (size, side) in [
      (Size(height: 0, width: 5), 14), (Size(height: 5, width: 5), 0),
      (Size(height: 1, width: 60_000), 448), (Size(height: 5, width: 5), Int.max),
    ] {
      #expect(throws: InferenceError.self) {
        try WholeImageView(imageSize: size, shorterSide: side, patchSize: 14)
      }
    }
    let view = try WholeImageView(
      imageSize: Size(height: 20, width: 20), shorterSide: 28, patchSize: 14)
    let other = try PixelBuffer(size: Size(height: 20, width: 21), fill: .black)
    #expect(throws: InferenceError.self) { try view(other) }
  }
}
