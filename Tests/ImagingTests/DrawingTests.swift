import Imaging
import Testing

@Suite("Drawing")
struct DrawingTests {
  private func canvas(_ side: Int = 40) throws -> PixelBuffer {
    try PixelBuffer(size: Size(height: side, width: side), fill: .black)
  }

  @Test("a line covers about its width times its length")
  func lineArea() throws {
    for end in [Point(row: 10, column: 30), Point(row: 30, column: 10), Point(row: 28, column: 33)]
    {
      var image = try canvas()
      image.drawLine(from: Point(row: 10, column: 10), to: end, color: .white, width: 3)
      let (down, across) = (end.row - 10, end.column - 10)
      let length = (down * down + across * across).squareRoot()
      let area = image.channelMeans[0] / 255 * 1600
      // The two round ends add a disc.
      #expect(abs(area - (3 * length + 7.07)) < 3)
    }
  }

  @Test("a circle covers its area and is symmetric")
  func circle() throws {
    var image = try canvas()
    image.fillCircle(center: Point(row: 20, column: 20), radius: 9, color: .white)
    #expect(abs(image.channelMeans[0] / 255 * 1600 - 254.5) < 3)
    #expect(image == image.flippedHorizontally())
    #expect(image == image.flippedVertically())
    #expect(try image == image.transposed())
  }

  @Test("a rectangle's outline is as wide as asked for")
  func rectangle() throws {
    var image = try canvas()
    image.drawRectangle(Region(top: 5, left: 6, height: 20, width: 10), color: .white, width: 2)
    #expect(image.channelMeans[0] / 255 * 1600 == Double(20 * 10 - 16 * 6))
    #expect(image.color(row: 5, column: 6) == .white)
    #expect(image.color(row: 7, column: 8) == .black)
  }

  @Test("every printable character leaves ink, inside its box")
  func letters() throws {
    for code in 33...126 {
      let text = String(UnicodeScalar(UInt8(code)))
      for scale in [1.0, 1.6, 3.0] {
        let style = TextStyle(scale: scale, color: .white)
        let size = style.size(of: text)
        var image = try PixelBuffer(
          size: Size(height: size.height + 20, width: size.width + 20), fill: .black)
        image.drawText(text, top: 10, left: 10, style: style)
        let inside = try image.cropped(
          to: Region(top: 9, left: 9, height: size.height + 2, width: size.width + 2))
        #expect(inside.channelMeans[0] > 0.5, "\(text)")
        let whole = image.channelMeans[0] * Double(image.height * image.width)
        let part = inside.channelMeans[0] * Double(inside.height * inside.width)
        #expect(abs(whole - part) < 1, "\(text) at \(scale)")
      }
    }
  }

  @Test("no two letters look the same")
  func distinctLetters() throws {
    var seen: [[UInt8]: String] = [:]
    for code in 33...126 {
      let text = String(UnicodeScalar(UInt8(code)))
      var image = try canvas()
      image.drawText(text, top: 5, left: 5, style: TextStyle(scale: 3, color: .white))
      #expect(seen.updateValue(text, forKey: image.storage) == nil, "\(text)")
    }
  }

  @Test("long captions are shortened to fit")
  func fitting() {
    let style = TextStyle(scale: 2)
    let text = style.fitting("a rather long caption", width: 80)
    #expect(text.hasSuffix(".."))
    #expect(style.size(of: text).width <= 80)
    #expect(style.fitting("short", width: 500) == "short")
    #expect(style.fitting("nothing fits", width: 0) == "")
  }

  @Test(
    "colour maps begin and end as published",
    arguments: [
      (ColorMap.viridis, RGB(68, 1, 84), RGB(253, 231, 37)),
      (.magma, RGB(0, 0, 4), RGB(252, 253, 191)),
      (.gray, .black, .white),
    ])
  func ends(map: ColorMap, first: RGB, last: RGB) {
    #expect(map.color(at: 0) == first)
    #expect(map.color(at: 1) == last)
    #expect(map.color(at: -3) == first)
    #expect(map.color(at: .infinity) == last)
    #expect(map.color(at: .nan) == first)
  }

  @Test("perceptual maps grow lighter all the way", arguments: [ColorMap.viridis, .magma, .gray])
  func lightness(map: ColorMap) {
    let levels = map.table.map {
      0.2126 * Double($0.red) + 0.7152 * Double($0.green) + 0.0722 * Double($0.blue)
    }
    let falls = zip(levels, levels.dropFirst()).filter { $0 > $1 + 0.6 }
    #expect(falls.isEmpty)
  }

  @Test("classes have different colours")
  func categorical() {
    #expect(Set(ColorMap.categoricalTable(count: 60)).count == 60)
    _ = ColorMap.categorical(-5)
  }

  @Test("a map keeps its values when enlarged to the nearest, and its range when smooth")
  func maps() throws {
    let map = try ValueMap([0, 1, 2, .nan], size: Size(height: 2, width: 2))
    let large = try map.resized(to: Size(height: 4, width: 6), isSmooth: false)
    #expect(large.values.prefix(6) == [0, 0, 0, 1, 1, 1])
    let isMissing = large.values.suffix(3).map { $0.isNaN }
    #expect(isMissing == [true, true, true])
    #expect(map.range == 0...2)
    let smooth = try ValueMap([0, 4], size: Size(height: 1, width: 2))
      .resized(to: Size(height: 1, width: 4))
    #expect(smooth.values == [0, 1, 3, 4])
    #expect(throws: ImageError.self) { try ValueMap([1], size: Size(height: 2, width: 2)) }
    let flat = try ValueMap([5, 5], size: Size(height: 1, width: 2)).colored(.gray)
    #expect(flat.color(row: 0, column: 0) == RGB(128, 128, 128))
  }

  @Test("an overlay with opacity 0 changes nothing, with 1 shows only the map")
  func overlay() throws {
    let image = try ResampleCase.image(seed: 1, Size(height: 8, width: 8))
    let map = try ValueMap([0, 1, 2, 3], size: Size(height: 2, width: 2))
    #expect(try image.overlaid(with: map, opacity: 0) == image)
    let full = try image.overlaid(with: map, opacity: 1, isSmooth: false)
    #expect(try full == map.colored().resizedToNearest(image.size))
  }

  @Test("a contact sheet holds its pictures unchanged and its texts")
  func contactSheet() throws {
    let image = try ResampleCase.image(seed: 1, Size(height: 30, width: 40))
    var sheet = ContactSheet(
      title: "Title", cells: [.init(image, caption: "one"), .init(image)], columns: 2)
    sheet.margin = 10
    let result = try sheet.image()
    let plain = try ContactSheet(cells: [.init(image), .init(image)], columns: 2).image()

    #expect(plain.size == Size(height: 30 + 48, width: 80 + 72))
    #expect(try plain.cropped(to: Region(top: 24, left: 24, height: 30, width: 40)) == image)
    #expect(result.height > 30 + 20)
    #expect(throws: ImageError.self) { try ContactSheet().image() }
    let small = try ContactSheet(
      cells: [.init(image)], columns: 1, cellSize: Size(height: 15, width: 99)
    ).image()
    #expect(small.size == Size(height: 15 + 48, width: 20 + 48))
  }
}
