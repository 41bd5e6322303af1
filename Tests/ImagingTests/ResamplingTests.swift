import CheckpointFormats
import DINOTestSupport
import Imaging
import Testing

/// One case of `Fixtures/resample`: an image that a hash makes, and what Pillow resizes it to.
struct ResampleCase: Sendable, CustomTestStringConvertible {
  let seed: Int
  let source: Size
  let target: Size
  let filter: ResampleFilter
  let box: FractionalBox?
  let digest: String
  let samples: [UInt8]

  var testDescription: String {
    "\(seed): \(source) to \(target), \(filter)" + (box == nil ? "" : ", box")
  }

  static let filters: [ResampleFilter] = [.box, .bilinear, .hamming, .bicubic, .lanczos]

  static func all() throws -> [ResampleCase] {
    let path = TestData.packageRoot + "/Tests/Fixtures/resample/pillow.safetensors"
    let tensors = try Checkpoint.read(path).tensors
    let cases = try #require(tensors["cases"])
    let rows = try cases.integers()
    let boxes = try #require(tensors["boxes"]).doubles()
    let digests = try #require(tensors["digests"]).integers()
    let samples = try #require(tensors["samples"]).integers()
    return (0..<(cases.shape.first ?? 0)).map { index in
      let row = Array(rows[7 * index..<7 * index + 7])
      let box = Array(boxes[4 * index..<4 * index + 4])
      return ResampleCase(
        seed: row[0], source: Size(height: row[1], width: row[2]),
        target: Size(height: row[3], width: row[4]), filter: filters[row[5]],
        box: row[6] == 0
          ? nil : FractionalBox(top: box[0], left: box[1], bottom: box[2], right: box[3]),
        digest: digests[32 * index..<32 * index + 32]
          .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(),
        samples: samples[12 * index..<12 * index + 12].map { UInt8($0) })
    }
  }

  /// The image that the fixture's generator makes from a seed.
  static func image(seed: Int, _ size: Size) throws -> PixelBuffer {
    let count = size.height * size.width * 3
    let bytes = (0..<count).map { index -> UInt8 in
      var x = UInt32(truncatingIfNeeded: index) &* 2_654_435_761
      x = x &+ UInt32(truncatingIfNeeded: seed) &* 40_503
      x ^= x >> 15
      x = x &* 2_246_822_519
      x ^= x >> 13
      let value = UInt8(truncatingIfNeeded: x)
      return seed % 3 == 0 ? (value < 128 ? 0 : 255) : value
    }
    return try PixelBuffer(size: size, storage: bytes)
  }

  var image: PixelBuffer {
    get throws { try ResampleCase.image(seed: seed, source) }
  }
}

@Suite("Resampling")
struct ResamplingTests {
  @Test("equals Pillow in every byte, whatever the instructions")
  func equalsPillow() throws {
    let cases = try ResampleCase.all()
    #expect(cases.count >= 200)
    for sample in cases {
      let image = try sample.image
      let whole = Region(top: 0, left: 0, height: image.height, width: image.width)
      for instructions in ResampleInstructions.allCases
      where instructions.rawValue <= ResampleInstructions.best.rawValue {
        let result = try image.resized(
          from: whole, box: sample.box, to: sample.target, filter: sample.filter, window: nil,
          instructions: instructions)
        let last = sample.target.height * sample.target.width - 1
        let pixels = [0, last / 3, 2 * last / 3, last].flatMap {
          Array(result.storage[3 * $0..<3 * $0 + 3])
        }
        #expect(pixels == sample.samples, "\(sample.testDescription) with \(instructions)")
        #expect(
          SHA256.hexadecimal(result.storage) == sample.digest,
          "\(sample.testDescription) with \(instructions)")
      }
    }
  }

  @Test("a window equals the same part of the whole")
  func windowEqualsPart() throws {
    var generator = SplitMix(state: 7)
    for sample in try ResampleCase.all() {
      let image = try sample.image
      let top = Int.random(in: 0..<sample.target.height, using: &generator)
      let left = Int.random(in: 0..<sample.target.width, using: &generator)
      let window = Region(
        top: top, left: left,
        height: Int.random(in: 1...sample.target.height - top, using: &generator),
        width: Int.random(in: 1...sample.target.width - left, using: &generator))

      let part = try image.resized(
        to: sample.target, filter: sample.filter, box: sample.box, cropping: window)
      let whole = try image.resized(to: sample.target, filter: sample.filter, box: sample.box)

      #expect(try part == whole.cropped(to: window), "\(sample.testDescription), \(window)")
    }
  }

  @Test("a centre crop of an extreme strip takes little memory")
  func strips() throws {
    for size in [Size(height: 1, width: 65_535), Size(height: 65_535, width: 1)] {
      let image = try ResampleCase.image(seed: 1, size)
      let result = try Preprocessing.dinov2.crop(image)
      #expect(result.size == Size(height: 224, width: 224))
    }
  }

  @Test(
    "refuses what cannot be",
    arguments: [
      FractionalBox(top: 0, left: 0, bottom: 0, right: 5),
      FractionalBox(top: -0.5, left: 0, bottom: 5, right: 5),
      FractionalBox(top: 0, left: 0, bottom: 5, right: 5.5),
      FractionalBox(top: .nan, left: 0, bottom: 5, right: 5),
      FractionalBox(top: 0, left: 0, bottom: .infinity, right: 5),
    ])
  func refusesBoxes(box: FractionalBox) throws {
    let image = try ResampleCase.image(seed: 1, Size(height: 5, width: 5))
    #expect(throws: ImageError.self) {
      try image.resized(to: Size(height: 3, width: 3), box: box)
    }
  }

  @Test("boxes much thinner than a pixel do not trap")
  func thinBoxes() throws {
    let image = try ResampleCase.image(seed: 1, Size(height: 9, width: 9))
    var generator = SplitMix(state: 3)
    for _ in 0..<2000 {
      let top = Double.random(in: 0..<9, using: &generator)
      let left = Double.random(in: 0..<9, using: &generator)
      let box = FractionalBox(
        top: top, left: left, bottom: min(top + 1e-6, 9), right: min(left + 1e-3, 9))
      for filter in ResampleFilter.allCases {
        _ = try? image.resized(to: Size(height: 2, width: 3), filter: filter, box: box)
      }
    }
  }

  @Test(
    "refuses sizes that are not positive or far too large",
    arguments: [
      Size(height: 0, width: 3), Size(height: 3, width: -1), Size(height: Int.max, width: Int.max),
      Size(height: Int(Int32.max), width: Int(Int32.max)),
    ])
  func refusesSizes(size: Size) throws {
    let image = try ResampleCase.image(seed: 1, Size(height: 5, width: 5))
    #expect(throws: ImageError.self) { try image.resized(to: size) }
  }
}

/// A small generator with a seed, so that every run tests the same.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
