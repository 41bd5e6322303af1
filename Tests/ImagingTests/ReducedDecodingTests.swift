import DINOTestSupport
import Foundation
import Imaging
import Testing

@Suite("Reduced decoding of JPEG files")
struct ReducedDecodingTests {
  private func fixture(_ name: String) throws -> [UInt8] {
    let path = try EvaluationImage.golden.sideFile("images/\(name)")
    return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  /// A smooth picture, as JPEG.
  private func smooth(_ size: Size, as format: ImageEncoder.Format = .jpeg) throws -> [UInt8] {
    let noise = try ResampleCase.image(seed: 6, Size(height: 5, width: 6))
    return try ImageEncoder(quality: 95).encode(noise.resized(to: size), as: format)
  }

  /// The means of squares of pixels, fewer at the right and lower edge: what a small image is close to.
  private func boxes(_ image: PixelBuffer, _ factor: Int) -> [Double] {
    var result: [Double] = []
    for top in stride(from: 0, to: image.height, by: factor) {
      for left in stride(from: 0, to: image.width, by: factor) {
        for channel in 0..<3 {
          var (sum, count) = (0, 0)
          for row in top..<min(top + factor, image.height) {
            for column in left..<min(left + factor, image.width) {
              sum += Int(image.storage[3 * (row * image.width + column) + channel])
              count += 1
            }
          }
          result.append(Double(sum) / Double(count))
        }
      }
    }
    return result
  }

  /// The mean distance of a small image from the means of the whole one, in steps of 8 bits.
  private func distance(_ bytes: [UInt8], _ factor: Int) throws -> Double {
    let small = try ImageDecoder().decode(bytes: bytes) { _ in factor }
    let means = boxes(try ImageDecoder().decode(bytes: bytes), factor)
    try #require(means.count == small.storage.count)
    let sum = zip(means, small.storage).reduce(0) { $0 + abs($1.0 - Double($1.1)) }
    return sum / Double(means.count)
  }

  @Test("divides the sides and rounds up", arguments: [2, 4, 8])
  func sizes(factor: Int) throws {
    for (height, width) in [(64, 64), (61, 47), (8, 9), (200, 131), (17, 33), (7, 3), (1, 1)] {
      let bytes = try smooth(Size(height: height, width: width))
      let small = try ImageDecoder().decode(bytes: bytes) { _ in factor }
      #expect(small.height == (height + factor - 1) / factor, "\(height)x\(width)")
      #expect(small.width == (width + factor - 1) / factor, "\(height)x\(width)")
    }
  }

  @Test("a factor of 1 changes nothing")
  func whole() throws {
    for name in ["photo.jpg", "cmyk.jpg"] {
      let bytes = try fixture(name)
      #expect(
        try ImageDecoder().decode(bytes: bytes) { _ in 1 } == ImageDecoder().decode(bytes: bytes))
    }
  }

  /// Measured: 0.8, 0.6, 0.3 and 0.4 of 255 at most; libjpeg's smaller blocks are no exact means, and colours
  /// are stored at half the resolution.
  @Test(
    "pixels are close to the means of those that they stand for",
    arguments: [
      ("photo.jpg", 1.2), ("photo_progressive_444.jpg", 0.9), ("photo_gray.jpg", 0.5),
      ("cmyk.jpg", 0.6),
    ])
  func means(name: String, bound: Double) throws {
    let bytes = try fixture(name)
    for factor in [2, 4, 8] {
      let found = try distance(bytes, factor)
      #expect(found < bound, "by \(factor)")
    }
  }

  @Test("sides that are no multiples of a block are as close")
  func oddSides() throws {
    for (height, width) in [(61, 47), (200, 131), (129, 255)] {
      for factor in [2, 4, 8] {
        let found = try distance(smooth(Size(height: height, width: width)), factor)
        #expect(found < 1.5)
      }
    }
  }

  @Test("files of other formats keep their size", arguments: [ImageEncoder.Format.png, .webp])
  func otherFormats(format: ImageEncoder.Format) throws {
    let bytes = try smooth(Size(height: 64, width: 48), as: format)

    let image = try ImageDecoder().decode(bytes: bytes) { _ in 8 }

    #expect(try image == ImageDecoder().decode(bytes: bytes))
  }

  @Test("the size as stored decides, and the orientation is applied afterwards")
  func orientation() throws {
    let bytes = try fixture("exif_rotated.jpg")
    let info = try ImageDecoder().probe(bytes: bytes)
    var asked: [Size] = []
    let stored = try ImageDecoder().decode(bytes: bytes) { _ in 4 }

    let upright = try ImageDecoder(appliesOrientation: true).decode(bytes: bytes) { size in
      asked.append(size)
      return 4
    }

    #expect(asked == [info.size])
    #expect(info.orientation != 1)
    #expect(try upright == stored.oriented(info.orientation))
    #expect(stored.width == (info.size.width + 3) / 4)
  }

  @Test("limits count for the whole image")
  func limits() throws {
    let bytes = try smooth(Size(height: 64, width: 48))
    var limits = ImageLimits()
    limits.pixels = 64 * 48 - 1
    #expect(throws: ImageError.self) {
      try ImageDecoder(limits: limits).decode(bytes: bytes) { _ in 8 }
    }
    limits.pixels += 1
    #expect(try ImageDecoder(limits: limits).decode(bytes: bytes) { _ in 8 }.height == 8)
  }

  @Test("other factors are refused", arguments: [-1, 0, 3, 5, 16])
  func otherFactors(factor: Int) throws {
    for format in [ImageEncoder.Format.jpeg, .png] {
      let bytes = try smooth(Size(height: 16, width: 16), as: format)
      let error = #expect(throws: ImageError.self) {
        try ImageDecoder().decode(bytes: bytes, name: "x") { _ in factor }
      }
      guard case .usage(let problem) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(problem == "x was to be decoded smaller by \(factor); expected 1, 2, 4 or 8")
    }
  }

  @Test("a file that is cut short is refused, and read leniently", arguments: [2, 4, 8])
  func truncated(factor: Int) throws {
    let bytes = try fixture("photo.jpg")
    for short in [Array(bytes.dropLast(2)), Array(bytes.prefix(bytes.count / 2))] {
      #expect(throws: ImageError.self) {
        try ImageDecoder().decode(bytes: short) { _ in factor }
      }
      let half = try ImageDecoder(isLenient: true).decode(bytes: short) { _ in factor }
      #expect(half.height == (211 + factor - 1) / factor)
    }
  }

  @Test("damaged files are read or refused as whole ones are")
  func damaged() throws {
    var generator = SplitMix(state: 5)
    let files = try ["photo.jpg", "photo_progressive_444.jpg", "photo_gray.jpg", "cmyk.jpg"]
      .map(fixture)
    var (read, refused) = (0, 0)
    for round in 0..<200 {
      var bytes = files[round % files.count]
      for _ in 0..<Int.random(in: 1...40, using: &generator) {
        let place = Int.random(in: 2..<bytes.count, using: &generator)
        bytes[place] = UInt8.random(in: 0...255, using: &generator)
      }
      let decoder = ImageDecoder(isLenient: round % 3 == 0)
      let whole = try? decoder.decode(bytes: bytes)
      for factor in [2, 4, 8] {
        let small = try? decoder.decode(bytes: bytes) { _ in factor }
        #expect((small == nil) == (whole == nil), "round \(round) by \(factor)")
        #expect(small?.height == whole.map { ($0.height + factor - 1) / factor })
      }
      if whole == nil { refused += 1 } else { read += 1 }
    }
    #expect(read > 20 && refused > 20, "\(read) read, \(refused) refused")
  }

  @Test(
    "real and broken files are read or refused as whole ones are",
    .enabled(if: RobustnessFile.folder != nil, "needs the robustness data set"))
  func robustness() throws {
    var count = 0
    for row in try RobustnessFile.all() {
      guard let data = FileManager.default.contents(atPath: row.path), data.count < 1 << 20,
        ImageFormat.detect(Array(data)) == .jpeg
      else { continue }
      count += 1
      let bytes = Array(data)
      let whole = try? ImageDecoder().decode(bytes: bytes)
      let small = try? ImageDecoder().decode(bytes: bytes) { _ in 4 }
      #expect((small == nil) == (whole == nil), "\(row.file)")
      #expect(small?.width == whole.map { ($0.width + 3) / 4 }, "\(row.file)")
      // What is damaged inside a file, as some here are, looks another way in smaller blocks.
      guard row.isRead, let small, let whole, whole.size.shorterSide > 32 else { continue }
      let means = zip(small.channelMeans, whole.channelMeans)
      #expect(means.allSatisfy { abs($0 - $1) < 3 }, "\(row.file)")
    }
    #expect(count > 50)
  }
}
