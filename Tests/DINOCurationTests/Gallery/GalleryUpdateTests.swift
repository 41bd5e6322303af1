import CheckpointFormats
import DINOCuration
import DINOData
import DINOInference
import DINOModels
import DINOTestSupport
import Foundation
import Imaging
import Testing
import Torch

/// Building a gallery: what is described, what is kept, what happens to damaged files.
@Suite("Gallery")
struct GalleryUpdateTests {
  private let folder: TemporaryFolder
  private let model: DINOv2
  private let settings: GallerySettings
  private var index: String { folder.file("index") }

  init() async throws {
    folder = try TemporaryFolder()
    var request = ModelRequest("dinov2_vits14")
    request.randomSeed = 1
    model = try await DINOv2.load(request)
    settings = GallerySettings(
      .init(request, name: model.name, probe: try await ModelProbe(model)),
      DescriptorRecipe(), Preprocessing(resize: 28, crop: nil), appliesOrientation: false,
      embedDim: model.config.embedDim)
    try FileManager.default.createDirectory(
      atPath: folder.file("index"), withIntermediateDirectories: true)
    for number in 0..<5 { try write("photos/\(number).png", number) }
  }

  private func write(_ name: String, _ number: Int) throws {
    let size = Size(height: 30, width: 40)
    var image = try PixelBuffer(size: size, fill: RGB(UInt8(50 * number % 256), 90, 20))
    for row in 0..<25 { image.setColor(RGB(255, 255, UInt8(number)), row: row, column: number) }
    try folder.write(name, ImageEncoder().encode(image, as: .png))
    try setTime(name, Date(timeIntervalSinceNow: -60 - Double(number)))
  }

  private func setTime(_ name: String, _ date: Date) throws {
    try FileManager.default.setAttributes(
      [.modificationDate: date], ofItemAtPath: folder.file(name))
  }

  private func update(
    _ inputs: [String] = ["photos"], _ settings: GallerySettings? = nil, keepsOthers: Bool = false
  ) async throws -> GalleryUpdate.Report {
    let references = try ImageInputs(inputs.map { RawPath(folder.file($0)) }).references
    var options = GalleryUpdate.Options()
    options.keepsOthers = keepsOthers
    options.batch = 2
    return try await GalleryUpdate(index, settings ?? self.settings)
      .run(references, with: model, options: options)
  }

  /// The images of the gallery with their descriptors, by name.
  private func contents() throws -> [String: [Float]] {
    let gallery = try Gallery(index)
    let all = try GallerySearch(gallery).exact(gallery.matrix, count: 1)
    let names = try gallery.matches(all.indices.map { [Neighbour(row: $0, similarity: 1)] })
    var result: [String: [Float]] = [:]
    for (row, match) in names.enumerated() {
      let name = String(match[0].name.text.dropFirst(folder.path.count + 1))
      result[name] = try gallery.matrix.rows([row]).floats()
    }
    #expect(result.count == gallery.count)
    return result
  }

  @Test("describes what is new, and nothing twice")
  func incremental() async throws {
    let first = try await update()
    #expect(first.added == 5 && first.count == 5 && first.unchanged == 0)
    let before = try contents()
    let features = try await model.features(
      of: ImageDecoder().decode(path: folder.file("photos/3.png")),
      settings.preprocessing(patchSize: 14))
    let norm = features.clsToken.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let expected = features.clsToken.map { $0 / norm }
    let row = try #require(before["photos/3.png"])
    #expect(zip(row, expected).allSatisfy { abs($0 - $1) < 1e-5 })

    let again = try await update()
    #expect(again.unchanged == 5 && again.added == 0 && again.count == 5)

    // One file new, one changed, one gone, one renamed, one only touched.
    try write("photos/5.png", 5)
    try write("photos/0.png", 9)
    try FileManager.default.removeItem(atPath: folder.file("photos/1.png"))
    try FileManager.default.moveItem(
      atPath: folder.file("photos/2.png"), toPath: folder.file("photos/2b.png"))
    try setTime("photos/3.png", Date(timeIntervalSinceNow: -5))
    let third = try await update()
    #expect(third.added == 2 && third.changed == 1 && third.removed == 2 && third.copied == 1)
    #expect(third.unchanged == 2 && third.count == 5)
    let after = try contents()
    #expect(
      Set(after.keys) == Set(["0", "2b", "3", "4", "5"].map { "photos/\($0).png" }))
    #expect(after["photos/2b.png"] == before["photos/2.png"])
    #expect(after["photos/3.png"] == before["photos/3.png"])
    #expect(after["photos/0.png"] != before["photos/0.png"])
  }

  @Test("a file changed right after it was read is read again, whatever its time says")
  func racyFiles() async throws {
    let now = Date()
    try setTime("photos/4.png", now)
    _ = try await update()
    let before = try contents()
    // Same size, same time, other bytes.
    let size = try folder.size("photos/4.png")
    try folder.write("photos/4.png", try folder.bytes("photos/0.png"))
    try setTime("photos/4.png", now)
    if try folder.size("photos/4.png") == size {
      let report = try await update()
      #expect(report.changed == 1)
      let after = try contents()
      #expect(after["photos/4.png"] == before["photos/0.png"])
    }
  }

  @Test("keeps what other inputs gave only if asked to")
  func others() async throws {
    _ = try await update()
    try write("more/7.png", 7)
    let added = try await update(["more"], keepsOthers: true)
    #expect(added.added == 1 && added.removed == 0 && added.count == 6)
    let mirrored = try await update(["more"])
    #expect(mirrored.removed == 5 && mirrored.count == 1)
  }

  @Test("lists unreadable files, once described as such, until they change")
  func unreadable() async throws {
    try folder.write("photos/x.png", Array("no image".utf8))
    try setTime("photos/x.png", Date(timeIntervalSinceNow: -60))
    let first = try await update()
    #expect(first.failures.count == 1 && first.count == 5)
    let second = try await update()
    #expect(second.failures.count == 1 && second.unchanged == 5)
    try write("photos/x.png", 8)
    let third = try await update()
    #expect(third.failures.isEmpty && third.added == 1 && third.count == 6)
    // An image that breaks is taken out.
    try folder.write("photos/x.png", [1, 2, 3])
    let fourth = try await update()
    #expect(fourth.failures.count == 1 && fourth.count == 5)
  }

  @Test("names that are no UTF-8 or hold line breaks survive")
  func oddNames() async throws {
    let png = try folder.bytes("photos/0.png")
    let names: [[UInt8]] = [
      Array("new\nline.png".utf8), [0x66, 0xFF, 0xFE, 0x2E, 0x70, 0x6E, 0x67],
      Array("quote'\"%.png".utf8), Array("日本.png".utf8),
    ]
    for name in names { try folder.writeRaw("odd", name, png) }
    let report = try await update(["odd"])
    #expect(report.count == 4 && report.copied >= 0)
    let gallery = try Gallery(index)
    let found = try gallery.matches([(0..<4).map { Neighbour(row: $0, similarity: 1) }])[0]
    #expect(Set(found.map(\.name.bytes)) == Set(names.map { Array(folder.file("odd/").utf8) + $0 }))
    for name in names {
      let path = RawPath(bytes: Array(folder.file("odd/").utf8) + name)
      #expect(try gallery.row(of: path) != nil)
      #expect(try found.first { $0.name == path }?.reference?.decode().height == 30)
    }
    let again = try await update(["odd"])
    #expect(again.unchanged == 4)
  }

  @Test("goes on after being stopped between any two steps")
  func resumes() async throws {
    let references = try ImageInputs([RawPath(folder.file("photos"))]).references
    let (model, settings, index) = (model, settings, index)
    let stopped = await Task {
      var options = GalleryUpdate.Options()
      options.batch = 1
      options.step = .zero
      var done = 0
      _ = try await GalleryUpdate(index, settings).run(
        references, with: model, options: options
      ) { event in
        if case .advanced(let count) = event { done += count }
        // Like a signal between two steps.
        if done == 3 { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }.result
    #expect(throws: (any Error).self) { try stopped.get() }
    #expect(try Gallery(index).count >= 2)
    try folder.write("index/segment-000099.npy", [1, 2, 3])
    try folder.write("index/.segment-000098.npy.abc.tmp", [1])
    let report = try await update()
    #expect(report.unchanged >= 2 && report.unchanged + report.added == 5 && report.count == 5)
    let left = try FileManager.default.contentsOfDirectory(atPath: index)
    #expect(!left.contains { $0.contains("99") || $0.contains("98") })
    let whole = try contents()
    try GalleryUpdate.clear(index)
    _ = try await update()
    #expect(try contents() == whole)
  }

  @Test("refuses another model and another way to describe images")
  func otherSettings() async throws {
    _ = try await update()
    var request = ModelRequest("dinov2_vits14")
    request.randomSeed = 2
    let other = try await DINOv2.load(request)
    var changed = settings
    changed.model.probe = try await ModelProbe(other)
    await #expect(throws: GalleryError.self) { try await update(["photos"], changed) }
    changed = settings
    changed.recipe.pooling = .gem
    await #expect(throws: GalleryError.self) { try await update(["photos"], changed) }
    changed = settings
    changed.resize = 42
    await #expect(throws: GalleryError.self) { try await update(["photos"], changed) }
    #expect(throws: GalleryError.self) { try Gallery(folder.file("nowhere")) }
    #expect(throws: GalleryError.self) { try GalleryUpdate(folder.file("photos"), nil) }
  }

  @Test("a damaged file is refused by queries and made good by the next build")
  func damagedSegment() async throws {
    _ = try await update()
    let whole = try contents()
    let name = try #require(
      try FileManager.default.contentsOfDirectory(atPath: index).first { $0.hasPrefix("segment") })
    let bytes = try folder.bytes("index/" + name)
    for damage in 0..<3 {
      var changed = bytes
      switch damage {
      case 0: changed[bytes.count - 3] ^= 1
      case 1: changed.removeLast(4)
      default: changed = []
      }
      try folder.write("index/" + name, changed)
      let error = #expect(throws: GalleryError.self) { try Gallery(index) }
      #expect(error?.description.contains("search build") == true)
    }
    let report = try await update()
    // On a slow machine the images are spread over several files, of which one was damaged.
    #expect((1...5).contains(report.recovered) && report.count == 5 && report.added == 0)
    #expect(try contents() == whole)
  }

  @Test("a damaged catalogue is refused, wherever the damage is")
  func damagedCatalogue() async throws {
    _ = try await update()
    let bytes = try folder.bytes("index/catalogue.sqlite")
    var refused = 0
    for position in stride(from: 0, to: bytes.count, by: 97) {
      var changed = bytes
      changed[position] ^= 0x15
      try folder.write("index/catalogue.sqlite", changed)
      do {
        // Unused space of a page may change without harm; what is read must then be right.
        let found = try contents()
        #expect(found.count == 5)
      } catch is GalleryError { refused += 1 }
    }
    #expect(refused > 5)
    try folder.write("index/catalogue.sqlite", Array("no database".utf8))
    let error = #expect(throws: GalleryError.self) { try Gallery(index) }
    #expect(error?.description.contains("--rebuild") == true)
  }

  @Test("joins many small files without changing what they hold")
  func compaction() async throws {
    for number in 10..<100 { try write("many/\(number).png", number) }
    let references = try ImageInputs([RawPath(folder.file("many"))]).references
    var options = GalleryUpdate.Options()
    options.batch = 1
    options.step = .zero
    let report = try await GalleryUpdate(index, settings)
      .run(references, with: model, options: options)
    #expect(report.count == 90)
    let files = try FileManager.default.contentsOfDirectory(atPath: index)
    #expect(files.count { $0.hasPrefix("segment") } <= 65)
    let found = try contents()
    for number in stride(from: 10, to: 100, by: 13) {
      let features = try await model.features(
        of: ImageDecoder().decode(path: folder.file("many/\(number).png")),
        settings.preprocessing(patchSize: 14))
      let norm = features.clsToken.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let row = try #require(found["many/\(number).png"])
      #expect(zip(row, features.clsToken).allSatisfy { abs($0 - $1 / norm) < 1e-5 })
    }
  }

  @Test("an approximate index follows the images", arguments: [IndexRecipe.Kind.ivf, .hnsw])
  func approximateIndex(kind: IndexRecipe.Kind) async throws {
    _ = try await update()
    var recipe = IndexRecipe(kind)
    recipe.lists = kind == .ivf ? 2 : nil
    let made = try #require(try GalleryUpdate(index, nil).updateIndex(.made(recipe)))
    #expect(made.isNew && made.index.recipe == recipe && made.index.tuning.recall == 1)
    var search = GallerySearch(try Gallery(index))
    let matrix = search.gallery.matrix
    #expect(try search.nearest(matrix, count: 2, effort: 5) == search.exact(matrix, count: 2))
    #expect(try #require(try GalleryUpdate(index, nil).updateIndex(.asBefore)).isNew == false)

    // Before the index is brought up to date, a changed gallery refuses it.
    try write("photos/6.png", 6)
    _ = try await update()
    #expect(throws: GalleryError.self) { try Gallery(index).approximateIndex() }
    #expect(try #require(try GalleryUpdate(index, nil).updateIndex(.asBefore)).isNew)
    search = GallerySearch(try Gallery(index))
    #expect(try search.nearest(search.gallery.matrix, count: 6, effort: 6)[0].count == 6)

    let name = try #require(try indexFiles().first)
    var bytes = try folder.bytes("index/\(name)")
    bytes[bytes.count / 2] ^= 4
    try folder.write("index/\(name)", bytes)
    let error = #expect(throws: GalleryError.self) { try Gallery(index).approximateIndex() }
    #expect(error?.description.contains("checksum") ?? false)
    #expect(try #require(try GalleryUpdate(index, nil).updateIndex(.asBefore)).isNew)
    #expect(try Gallery(index).approximateIndex() != nil)
    #expect(try indexFiles().count == 1)

    #expect(try GalleryUpdate(index, nil).updateIndex(.none) == nil)
    #expect(try indexFiles().isEmpty && Gallery(index).approximateIndex() == nil)
  }

  private func indexFiles() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: index).filter { $0.hasSuffix(".faiss") }
  }
}

extension TemporaryFolder {
  func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: file(name))))
  }

  func size(_ name: String) throws -> Int { try bytes(name).count }

  /// Writes a file whose name is no text.
  func writeRaw(_ folder: String, _ name: [UInt8], _ bytes: [UInt8]) throws {
    try FileManager.default.createDirectory(
      atPath: file(folder), withIntermediateDirectories: true)
    let path = (Array(file(folder).utf8) + [0x2F] + name).map { CChar(bitPattern: $0) } + [0]
    let stream = try #require(fopen(path, "w"))
    #expect(fwrite(bytes, 1, bytes.count, stream) == bytes.count)
    fclose(stream)
  }
}
