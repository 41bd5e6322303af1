import DINOTestSupport
import Imaging
import Testing

@Suite("Pixel buffer")
struct PixelBufferTests {
  private let image: PixelBuffer

  init() throws { image = try ResampleCase.image(seed: 2, Size(height: 6, width: 5)) }

  @Test("refuses sizes that are not positive, overflow, or do not fit the bytes")
  func sizes() throws {
    for size in [
      Size(height: 0, width: 5), Size(height: -1, width: -1), Size(height: Int.max, width: 3),
      Size(height: 2, width: 2),
    ] {
      #expect(throws: ImageError.self) {
        try PixelBuffer(size: size, storage: [1, 2, 3])
      }
    }
    #expect(throws: ImageError.self) {
      try PixelBuffer(size: Size(height: 1 << 30, width: 1 << 30), fill: .black)
    }
  }

  @Test("cropping takes the pixels inside")
  func cropping() throws {
    let part = try image.cropped(to: Region(top: 2, left: 1, height: 3, width: 2))

    #expect(part.size == Size(height: 3, width: 2))
    for row in 0..<3 {
      for column in 0..<2 {
        #expect(
          part.color(row: row, column: column) == image.color(row: row + 2, column: column + 1))
      }
    }
    for region in [
      Region(top: 0, left: 0, height: 7, width: 1), Region(top: -1, left: 0, height: 2, width: 2),
      Region(top: 0, left: Int.max, height: 1, width: 1),
      Region(top: 0, left: 0, height: 0, width: 1),
    ] {
      #expect(throws: ImageError.self) { try image.cropped(to: region) }
    }
  }

  @Test("flipping twice changes nothing, padding is undone by cropping")
  func roundTrips() throws {
    #expect(image.flippedHorizontally().flippedHorizontally() == image)
    #expect(image.flippedVertically().flippedVertically() == image)
    #expect(image.flippedHorizontally() != image)
    let padded = try image.padded(top: 2, left: 3, bottom: 4, right: 1, color: .white)
    #expect(padded.size == Size(height: 12, width: 9))
    #expect(padded.color(row: 0, column: 0) == .white)
    #expect(try padded.cropped(to: Region(top: 2, left: 3, height: 6, width: 5)) == image)
    #expect(throws: ImageError.self) { try image.padded(top: -1) }
  }

  @Test("copies are independent")
  func valueSemantics() {
    var copy = image
    copy.setColor(RGB(1, 2, 3), row: 0, column: 0)
    #expect(copy != image)
    #expect(copy.color(row: 0, column: 0) == RGB(1, 2, 3))
  }

  @Test("drawing and pasting outside the image does nothing")
  func outside() {
    var canvas = image
    canvas.paste(image, top: 100, left: 0)
    canvas.paste(image, top: Int.max, left: Int.min)
    canvas.drawLine(
      from: Point(row: -50, column: -50), to: Point(row: -9, column: -9), color: .white)
    canvas.drawLine(from: Point(row: .nan, column: 0), to: Point(row: 1, column: 1), color: .white)
    canvas.drawText("far", top: 1000, left: -1000)
    canvas.fillCircle(center: Point(row: 1e300, column: 0), radius: 3, color: .white)
    canvas.fillRectangle(Region(top: 90, left: 90, height: 5, width: 5), color: .white)
    #expect(canvas == image)
    #expect(canvas.color(row: 6, column: 0) == nil)
  }
}

@Suite("Preprocessing")
struct PreprocessingTests {
  @Test("an image without crop is cut to whole patches")
  func wholePatches() throws {
    let preprocessing = Preprocessing(resize: nil, crop: nil)
    let image = try ResampleCase.image(seed: 2, Size(height: 45, width: 30))

    let plan = try preprocessing.plan(for: image.size)

    #expect(plan.window == Region(top: 1, left: 1, height: 42, width: 28))
    #expect(try preprocessing.crop(image) == image.cropped(to: plan.window))
    #expect(throws: ImageError.self) { try preprocessing.plan(for: Size(height: 13, width: 100)) }
  }

  @Test("a crop larger than the image is filled with black")
  func padding() throws {
    let image = try PixelBuffer(size: Size(height: 3, width: 20), fill: .white)
    let result = try Preprocessing(resize: nil, crop: Size(height: 8, width: 10)).crop(image)

    #expect(result.size == Size(height: 8, width: 10))
    #expect(result.color(row: 1, column: 5) == .black)
    #expect(result.color(row: 2, column: 0) == .white)
    #expect(result.color(row: 4, column: 9) == .white)
    #expect(result.color(row: 5, column: 0) == .black)
  }

  @Test("the halves of an odd remainder are rounded as each library does")
  func rounding() throws {
    // 419 - 224 = 195; half of it is 97.5.
    let size = Size(height: 256, width: 419)
    #expect(try Preprocessing.dinov2.plan(for: size).window.left == 98)
    #expect(try Preprocessing.huggingFace.plan(for: size).window.left == 97)
    // 421 - 224 = 197; half of it is 98.5, whose even neighbour is 98.
    #expect(try Preprocessing.dinov2.plan(for: Size(height: 256, width: 421)).window.left == 98)
  }

  @Test("a target of another size is refused")
  func targetSize() throws {
    let image = try ResampleCase.image(seed: 2, Size(height: 14, width: 14))
    var values = [Float](repeating: 0, count: 3 * 14 * 14 - 1)
    #expect(throws: ImageError.self) {
      try values.withUnsafeMutableBufferPointer {
        try Preprocessing.dinov2.normalize(image, into: $0)
      }
    }
    #expect(throws: ImageError.self) {
      try Preprocessing(resize: Int.max, crop: nil).plan(for: image.size)
    }
    #expect(throws: ImageError.self) {
      try Preprocessing(resize: 0, crop: nil).plan(for: image.size)
    }
  }
}
