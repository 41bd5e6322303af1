import DINOTestSupport
import Foundation
import Imaging
import Testing

/// One row of `expected.tsv` of the robustness set: what Pillow makes of a real or broken file.
struct RobustnessFile: Sendable {
  static let folder = TestData.folder(named: "robustness")

  let file: String
  let isRead: Bool
  let format: String
  let mode: String
  let size: Size
  let mean: [Double]
  let digest: String

  var path: String { (RobustnessFile.folder ?? "") + "/" + file }
  /// Whether two right decoders may differ by rounding.
  var isLossy: Bool { ["JPEG", "MPO", "WEBP", "AVIF", "JPEG2000"].contains(format) }
  /// Whether the mode's way to RGB needs no colour science.
  var isExact: Bool { ["1", "L", "LA", "P", "RGB", "RGBA"].contains(mode) }

  static func all() throws -> [RobustnessFile] {
    let table = try String(contentsOfFile: (folder ?? "") + "/expected.tsv", encoding: .utf8)
    return table.split(separator: "\n").dropFirst().map { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      func field(_ index: Int) -> String { fields.indices.contains(index) ? fields[index] : "" }
      let sides = field(6).split(separator: "x").compactMap { Int($0) }
      return RobustnessFile(
        file: field(0), isRead: field(3) == "ok", format: field(4), mode: field(5),
        size: Size(height: sides.last ?? 0, width: sides.first ?? 0),
        mean: field(9).split(separator: ",").compactMap { Double($0) }, digest: field(10))
    }
  }
}

@Suite("Robustness", .enabled(if: RobustnessFile.folder != nil, "needs the robustness data set"))
struct RobustnessTests {
  @Test("reads every file that Pillow reads, with its pixels")
  func readsWhatPillowReads() throws {
    let files = try RobustnessFile.all().filter(\.isRead)
    #expect(!files.isEmpty)
    for row in files {
      let result = Result { () throws(ImageError) in try ImageDecoder().decode(path: row.path) }
      guard case .success(let image) = result else {
        Issue.record("\(row.file): \(result)")
        continue
      }
      #expect(image.size == row.size, "\(row.file)")
      let info = try ImageDecoder().probe(path: row.path)
      #expect(info.size == row.size, "\(row.file)")
      if row.isLossy {
        let mean = image.channelMeans
        #expect(zip(mean, row.mean).allSatisfy { abs($0 - $1) <= 1.0 }, "\(row.file): \(mean)")
      } else if row.isExact {
        #expect(SHA256.hexadecimal(image.storage).hasPrefix(row.digest), "\(row.file)")
      }
    }
  }

  @Test("reads or refuses every other file, with a message of one line that names it")
  func refusesClearly() throws {
    for row in try RobustnessFile.all() where !row.isRead {
      for isLenient in [false, true] {
        do throws(ImageError) {
          let image = try ImageDecoder(isLenient: isLenient).decode(path: row.path)
          #expect(image.storage.count == 3 * image.height * image.width)
        } catch {
          let message = "\(error)"
          #expect(!message.contains { $0.isNewline }, "\(row.file)")
          #expect(message.unicodeScalars.count > row.file.unicodeScalars.count, "\(row.file)")
        }
      }
    }
  }

  @Test("many threads at once give the same pixels")
  func threads() throws {
    let files = try RobustnessFile.all().filter { $0.isRead && $0.size.pixels ?? 0 < 100_000 }
    let digests = files.map { file -> Int in
      (try? ImageDecoder().decode(path: file.path)).map { $0.storage.hashValue } ?? 0
    }
    let wrong = WrongCount()
    DispatchQueue.concurrentPerform(iterations: 4 * files.count) { index in
      let file = files[index % files.count]
      let hash = (try? ImageDecoder().decode(path: file.path)).map { $0.storage.hashValue } ?? 0
      if hash != digests[index % files.count] { wrong.add(file.file) }
    }
    #expect(wrong.names.isEmpty)
  }

  @Test("a mutated file never traps")
  func mutations() throws {
    var generator = SplitMix(state: 11)
    let limits: ImageLimits = {
      var limits = ImageLimits()
      limits.pixels = 1 << 20
      return limits
    }()
    let files = try RobustnessFile.all().filter { $0.size.pixels ?? 0 < 20_000 }
    for index in 0..<TestScale.mutations {
      let file = files[index * 7 % files.count]
      var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file.path)))
      guard !bytes.isEmpty, bytes.count < 60_000 else { continue }
      for _ in 0..<Int.random(in: 1...8, using: &generator) {
        let at = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[at] =
          [0, 1, 127, 128, 255, UInt8.random(in: 0...255, using: &generator)]
          .randomElement(using: &generator) ?? 0
      }
      if index % 5 == 0 {
        bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
      }
      let decoder = ImageDecoder(limits: limits, isLenient: index % 3 == 0)
      if let image = try? decoder.decode(bytes: bytes, name: file.file) {
        #expect(image.storage.count == 3 * image.height * image.width)
      }
    }
  }
}

/// How much the suite does.
enum TestScale {
  /// The number of mutated files; `DINOV2_MUTATIONS` sets another.
  static let mutations =
    ProcessInfo.processInfo.environment["DINOV2_MUTATIONS"].flatMap { Int($0) } ?? 600
}

/// Collects names from several threads.
final class WrongCount: @unchecked Sendable {
  // Guarded by `lock`, which is why the class may be shared.
  private var storage: [String] = []
  private let lock = NSLock()

  func add(_ name: String) { lock.withLock { storage.append(name) } }
  var names: [String] { lock.withLock { storage } }
}

extension PixelBuffer {
  /// The mean of each channel.
  var channelMeans: [Double] {
    var sums = [0, 0, 0]
    for index in storage.indices { sums[index % 3] += Int(storage[index]) }
    return sums.map { Double($0) / Double(height * width) }
  }
}
