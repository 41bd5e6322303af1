import DINOInference
import Foundation
import Imaging
import Testing

@Suite("EdgeAwareSmoothing")
struct EdgeAwareSmoothingTests {
  /// Red on the left, blue from column 10 on.
  private func image(height: Int = 12, width: Int = 20) throws -> PixelBuffer {
    var image = try PixelBuffer(size: Size(height: height, width: width), fill: RGB(220, 30, 20))
    image.fillRectangle(
      Region(top: 0, left: 10, height: height, width: width - 10), color: RGB(20, 40, 200))
    return image
  }

  @Test("a line is the solution of its system")
  func line() throws {
    let colors: [UInt8] = [10, 14, 60, 61, 200, 190, 189]
    let image = try PixelBuffer(
      size: Size(height: 1, width: 7), storage: colors.flatMap { [$0, $0, $0] })
    let values: [Float] = [1, 0, 0.5, 0.25, 0, 1, 0]
    let (tolerance, reach) = (20.0, 2.0)

    let smooth = EdgeAwareSmoothing(edgesOf: image, tolerance: tolerance)(values, reach: reach)

    // Gauss-Seidel on the definition, turn by turn; a column of one pixel changes nothing.
    var expected = values.map(Double.init)
    let weights = (0..<6).map { index in
      exp(-abs(Double(colors[index]) - Double(colors[index + 1])) * 3.0.squareRoot() / tolerance)
    }
    for turn in 1...3 {
      let lambda = 1.5 * pow(4, Double(3 - turn)) / 63 * reach * reach
      let given = expected
      for _ in 0..<2000 {
        for index in 0..<7 {
          let left = index > 0 ? lambda * weights[index - 1] : 0
          let right = index < 6 ? lambda * weights[index] : 0
          expected[index] =
            (given[index] + (index > 0 ? left * expected[index - 1] : 0)
              + (index < 6 ? right * expected[index + 1] : 0)) / (1 + left + right)
        }
      }
    }
    #expect(zip(smooth, expected).allSatisfy { abs(Double($0) - $1) < 1e-5 }, "\(smooth)")
  }

  @Test("an even map stays as it is")
  func constant() throws {
    let smoothing = EdgeAwareSmoothing(edgesOf: try image(), tolerance: 15)

    let same = smoothing([Float](repeating: 0.3, count: 240), reach: 12)

    #expect(same.allSatisfy { abs($0 - 0.3) < 1e-5 })
  }

  @Test("values spread inside an area and stop at its edge, and stay between the extremes")
  func edges() throws {
    var values = [Float](repeating: 0, count: 240)
    // A ragged border: the mask ends at column 8 or 12, the colour changes at 10.
    for row in 0..<12 {
      for column in 0..<(row % 2 == 0 ? 8 : 12) { values[row * 20 + column] = 1 }
    }

    let smooth = EdgeAwareSmoothing(edgesOf: try image(), tolerance: 10)(values, reach: 15)

    #expect(smooth.allSatisfy { (-1e-6...1.000_01).contains($0) })
    for row in 0..<12 {
      for column in 0..<20 {
        #expect((smooth[row * 20 + column] > 0.5) == (column < 10), "row \(row), column \(column)")
      }
    }
  }

  @Test("values flow from where they are trusted to where they are not")
  func confidence() throws {
    var values = [Float](repeating: 0.5, count: 240)
    var confidence = [Float](repeating: 1e-4, count: 240)
    // Only the first and the last column are known.
    for row in 0..<12 {
      (values[row * 20], confidence[row * 20]) = (1, 1)
      (values[row * 20 + 19], confidence[row * 20 + 19]) = (0, 1)
    }

    let smooth = EdgeAwareSmoothing(edgesOf: try image(), tolerance: 10)(
      values, confidence: confidence, reach: 20)

    for row in 0..<12 {
      #expect(smooth[row * 20 + 9] > 0.8 && smooth[row * 20 + 10] < 0.2)
    }
  }
}
