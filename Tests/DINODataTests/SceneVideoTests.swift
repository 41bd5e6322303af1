import DINOData
import DINOTestSupport
import Foundation
import Imaging
import Testing

@Suite("Scene videos")
struct SceneVideoTests {
  private let size = Size(height: 54, width: 96)

  private func film(_ number: Int, seed: UInt64 = 5) -> SceneVideo {
    SceneVideo(SceneRenderer(seed: 5).scene(at: number), seed: seed)
  }

  @Test("begin with the scene as it stands, its objects numbered far to near")
  func firstFrame() throws {
    for number in 0..<6 {
      let scene = SceneRenderer(seed: 5).scene(at: number)
      let still = try SceneRenderer(seed: 5).render(scene, size: size)

      let frame = try film(number).frame(at: 0, size: size)

      #expect(frame.image == still.image)
      // The same pixels show objects with a class, and each object of the scene has one label.
      #expect(frame.labels.values.map { $0 > 0 } == still.mask.map { $0 > 0 })
      let pairs = Set(
        zip(frame.labels.values, still.instances).filter { $0.0 > 0 }.map { [$0.0, UInt16($0.1)] })
      #expect(Set(pairs.map { $0[0] }).count == pairs.count)
      #expect(Set(pairs.map { $0[1] }).count == pairs.count)
      #expect(pairs.map { $0[0] }.max() ?? 0 <= UInt16(film(number).objectCount))
    }
  }

  @Test("objects move and keep their numbers; equal seeds give equal films")
  func motion() throws {
    var moved = 0
    for number in 0..<6 {
      let (first, last) = (
        try film(number).frame(at: 0, size: size), try film(number).frame(at: 0.6, size: size)
      )
      #expect(try film(number).frame(at: 0.6, size: size) == last)
      if first.labels != last.labels { moved += 1 }
      let known = Set(1...UInt16(film(number).objectCount)).union([0])
      #expect(Set(last.labels.values).isSubset(of: known))
      // Nothing jumps from one frame of 25 to the next: most pixels of an object stay its own.
      let next = try film(number).frame(at: 0.04, size: size)
      for label in first.labels.areas(of: first.labels.labels) where label.value > 100 {
        let kept = zip(first.labels.values, next.labels.values)
          .count { $0 == label.key && $1 == label.key }
        #expect(Double(kept) > 0.5 * Double(label.value), "film \(number), object \(label.key)")
      }
    }
    #expect(moved == 6)
    #expect(try film(1, seed: 6).frame(at: 0.6, size: size) != film(1).frame(at: 0.6, size: size))
  }

  @Test("sets hold pictures and masks that agree with the films")
  func set() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("films")
    try await SceneVideoSet(seed: 9, size: size).write(videos: 2, frames: 3, to: path)

    for video in 0..<2 {
      let scene = try SceneRenderer(seed: 9).scene(at: video, classIndex: video)
      for frame in 0..<3 {
        let expected = try SceneVideo(scene, seed: 9).frame(at: Float(frame) / 2, size: size)
        let base = "\(path)/00000\(video)"
        let name = "00000\(frame).png"
        #expect(try ImageDecoder().decode(path: "\(base)/images/\(name)") == expected.image)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(base)/masks/\(name)"))
        let labels = try ImageDecoder().decodeValues(bytes: Array(bytes))
        #expect(labels.values == expected.labels.values)
      }
    }
  }

  @Test("sets refuse folders with files and odd numbers")
  func refusals() async throws {
    let folder = try TemporaryFolder()
    try folder.write("full/file", [1])
    let set = SceneVideoSet(seed: 0, size: size)

    await #expect(throws: DataError.self) {
      try await set.write(videos: 1, frames: 1, to: folder.file("full"))
    }
    await #expect(throws: DataError.self) {
      try await set.write(videos: 0, frames: 1, to: folder.file("a"))
    }
    await #expect(throws: DataError.self) {
      try await SceneVideoSet(seed: 0, size: Size(height: 0, width: 9))
        .write(videos: 1, frames: 1, to: folder.file("b"))
    }
  }
}
