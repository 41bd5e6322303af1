import DINOInference
import DINOModels
import Imaging
import Testing

@Suite("PatchGeometry")
struct PatchGeometryTests {
  /// 600 × 800 pixels become 448 × 597, of which 448 × 588 are seen: 32 × 42 patches.
  private let geometry: PatchGeometry

  init() throws {
    geometry = try PatchGeometry(
      imageSize: Size(height: 600, width: 800), Preprocessing(resize: 448, crop: nil),
      grid: PatchGrid(height: 32, width: 42))
  }

  @Test("the middle of every patch lies in that patch")
  func round() throws {
    #expect(geometry.viewSize == Size(height: 448, width: 588))
    for patch in stride(from: 0, to: 32 * 42, by: 13) {
      #expect(try geometry.patch(at: geometry.imageCenter(of: patch)) == patch)
    }
  }

  @Test("places go to the view and back")
  func places() {
    let place = Point(row: 123, column: 456)

    let back = geometry.imagePlace(of: geometry.viewPlace(of: place))

    #expect(abs(back.row - 123) < 1e-9 && abs(back.column - 456) < 1e-9)
  }

  @Test("says which places are seen where a point is not")
  func outside() {
    for point in [
      Point(row: 300, column: 2), Point(row: 300, column: 799), Point(row: -1, column: 300),
      Point(row: 600, column: 300), Point(row: .infinity, column: 5),
    ] {
      #expect {
        try geometry.patch(at: point)
      } throws: { error in
        "\(error)".contains("take x from 6 to 793 and y from 0 to 599")
      }
    }
  }
}
