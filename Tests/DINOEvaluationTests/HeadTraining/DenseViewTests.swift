import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Imaging
import Testing

@Suite("DenseView")
struct DenseViewTests {
  /// Without resizing, mean 0 and deviation 1: the input is the image itself, in units of 0 to 1.
  private static let plain: Preprocessing = {
    var result = Preprocessing(resize: nil, crop: nil)
    (result.mean, result.std, result.patchSize) = (SIMD3(0, 0, 0), SIMD3(1, 1, 1), 1)
    return result
  }()

  /// An image whose colours say where a pixel lies; no pixel is black.
  private static func map(_ size: Size) throws -> PixelBuffer {
    var image = try PixelBuffer(size: size, fill: .black)
    for row in 0..<size.height {
      for column in 0..<size.width {
        image.setColor(RGB(UInt8(row + 1), UInt8(column + 1), 77), row: row, column: column)
      }
    }
    return image
  }

  @Test(
    "points lie on the pixels that the network sees",
    arguments: [Size(height: 12, width: 8), Size(height: 10, width: 13), Size(height: 3, width: 5)])
  func pointsOnPixels(size: Size) throws {
    let view = try DenseView(of: size, Self.plain, patchSize: 4)
    let input = try view.input(Self.map(size), Self.plain)
    let sources = view.sources(scale: 4)

    #expect(input.size.height % 4 == 0 && input.size.width % 4 == 0)
    #expect(input.size.height < size.height + 4 && input.size.width < size.width + 4)
    #expect(view.grid.height * 4 == input.size.height && view.grid.width * 4 == input.size.width)
    let pixels = input.size.height * input.size.width
    #expect(sources.count == pixels)
    for index in 0..<pixels {
      let row = Int((input.values[index] * 255).rounded()) - 1
      let column = Int((input.values[pixels + index] * 255).rounded()) - 1
      // Padding is 0, which no pixel of the image is.
      #expect(sources[index] == (row < 0 ? nil : row * size.width + column))
    }
    #expect(Set(sources.compactMap { $0 }).count == size.height * size.width)
  }

  @Test("the padding is that of the pipelines: the smaller half in front")
  func padding() throws {
    let view = try DenseView(of: Size(height: 5, width: 4), Self.plain, patchSize: 4)
    let rows = (0..<8).map { view.sources(scale: 4)[$0 * 4].map { $0 / 4 } }
    #expect(rows == [nil, 0, 1, 2, 3, 4, nil, nil])
  }

  @Test("a resized image has its points at the same share of its sides")
  func resized() throws {
    var preprocessing = Self.plain
    preprocessing.resize = 8
    let view = try DenseView(
      of: Size(height: 30, width: 60), preprocessing, patchSize: 4)
    #expect(view.grid.height == 2 && view.grid.width == 4)
    let sources = view.sources(scale: 2)
    // Centres of cells of 7.5 × 7.5 pixels.
    for row in 0..<4 {
      for column in 0..<8 {
        let expected =
          Int((Double(row) + 0.5) * 7.5) * 60 + Int((Double(column) + 0.5) * 7.5)
        #expect(sources[row * 8 + column] == expected)
      }
    }
  }

  @Test("targets take what lies under the points; padding does not count")
  func targets() throws {
    let size = Size(height: 5, width: 4)
    let view = try DenseView(of: size, Self.plain, patchSize: 4)
    let labels = try ValueImage((0..<20).map { UInt16($0) }, size: size)

    let target = DenseTarget(labels, seen: view, scale: 4)

    let none = SegmentationData.ignoredLabel
    let padding = [UInt16](repeating: none, count: 4)
    #expect(target == .labels(padding + (0..<20).map { UInt16($0) } + padding + padding))
  }
}
