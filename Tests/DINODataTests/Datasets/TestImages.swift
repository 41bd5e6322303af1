import DINOData
import DINOTestSupport
import Imaging

/// Small pictures of noise in a temporary folder.
enum TestImages {
  /// A picture that is another one for each number.
  static func picture(_ number: Int, height: Int = 20, width: Int = 30) throws -> PixelBuffer {
    var random = ViewRandom(seed: 1, .order, number)
    return try PixelBuffer(
      size: Size(height: height, width: width),
      storage: (0..<3 * height * width).map { _ in UInt8.random(in: 0...255, using: &random) })
  }

  /// Writes pictures as PNG, those of a set as files that are no images.
  static func write(
    _ count: Int, bad: Set<Int> = [], to folder: TemporaryFolder
  ) throws -> TrainingImages {
    for number in 0..<count {
      let name = "images/\(number + 1_000).png"
      let bytes: [UInt8] =
        bad.contains(number)
        ? Array("no image".utf8) : try ImageEncoder().encode(picture(number), as: .png)
      try folder.write(name, bytes)
    }
    return try TrainingImages([folder.file("images")])
  }
}
