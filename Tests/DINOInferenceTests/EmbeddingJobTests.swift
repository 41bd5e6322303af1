import CheckpointFormats
import DINOData
import DINOInference
import DINOTestSupport
import Foundation
import Imaging
import Synchronization
import Testing

/// Embedding many images: order, bad files, interruption, forms of the result.
@Suite("Embedding job")
struct EmbeddingJobTests {
  private let folder: TemporaryFolder
  private let model: DINOv2

  init() async throws {
    folder = try TemporaryFolder()
    var request = ModelRequest(weights: try writeSmallModel(in: folder))
    request.numHeads = 3
    model = try await DINOv2.load(request)
    try FileManager.default.createDirectory(
      atPath: folder.file("photos"), withIntermediateDirectories: true)
    for index in 0..<7 {
      var image = try PixelBuffer(
        size: Size(height: 40 + index, width: 60), fill: RGB(UInt8(30 * index), 90, 200))
      image.setColor(RGB(255, 0, 0), row: index, column: 5)
      try ImageEncoder().write(image, to: folder.file("photos/\(index).png"))
    }
  }

  private func job(_ output: String) throws -> EmbeddingJob {
    var preprocessing = Preprocessing(resize: 32, crop: Size(height: 28, width: 28))
    preprocessing.patchSize = 14
    var job = EmbeddingJob(
      references: try ImageInputs([RawPath(folder.file("photos"))]).references,
      output: folder.file(output), preprocessing: preprocessing)
    job.batchSize = 3
    return job
  }

  @Test("writes one row per image in the order of the files, with their names")
  func rowsInOrder() async throws {
    let report = try await job("x.npy").run(with: model)

    let rows = try NpyArray.read(folder.file("x.npy")).tensor()
    let names = try String(contentsOfFile: folder.file("x.npy.names.txt"), encoding: .utf8)
    #expect(rows.shape == [7, 48] && report.embedded == 7)
    #expect(names == (0..<7).map { folder.file("photos/\($0).png\n") }.joined())
    let image = try ImageDecoder().decode(path: folder.file("photos/4.png"))
    let alone = try await model.features(of: image, job("x.npy").preprocessing)
    let row = try rows.floats()[4 * 48..<5 * 48]
    #expect((zip(row, alone.clsToken).map { abs($0 - $1) }.max() ?? 1) < 1e-5)
  }

  @Test("leaves out files that cannot be read and reports them")
  func badFiles() async throws {
    try folder.write("photos/3a.png", Array("no image".utf8))
    try folder.write("photos/5a.jpg", [])

    let report = try await job("x.npy").run(with: model)

    #expect(report.embedded == 7)
    #expect(report.failures.map { $0.name.split(separator: "/").last } == ["3a.png", "5a.jpg"])
    #expect(try NpyArray.read(folder.file("x.npy")).shape == [7, 48])
  }

  @Test("fails and leaves nothing behind if no image could be read")
  func nothingUsable() async throws {
    try folder.write("bad/a.png", Array("no image".utf8))
    var job = try job("x.npy")
    job.references = try ImageInputs([RawPath(folder.file("bad"))]).references

    await #expect(throws: InferenceError.self) { try await job.run(with: model) }

    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!left.contains { $0.hasPrefix("x.npy") })
  }

  @Test("goes on after an interruption and writes the same bytes")
  func resumes() async throws {
    _ = try await job("whole.npy").run(with: model)
    let whole = try Data(contentsOf: URL(fileURLWithPath: folder.file("whole.npy")))
    // What a run leaves that was killed after three images: journal and partial rows.
    let settings = try await journalOfKilledRun(rows: 3)
    try (settings + "\n" + (0..<3).map { "+" + folder.file("photos/\($0).png\n") }.joined())
      .write(toFile: folder.file("x.npy.journal"), atomically: true, encoding: .utf8)

    let report = try await job("x.npy").run(with: model)

    #expect(report.resumed == 3 && report.embedded == 7)
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file("x.npy"))) == whole)
    #expect(!FileManager.default.fileExists(atPath: folder.file("x.npy.journal")))
  }

  /// Stops a run by cancelling it, cuts its rows, and returns the first line of its journal.
  private func journalOfKilledRun(rows: Int) async throws -> String {
    let (job, model) = (try job("x.npy"), model)
    let seen = Mutex("")
    let journal = folder.file("x.npy.journal")
    _ = try? await Task {
      try await job.run(with: model) { _ in
        let text = (try? String(contentsOfFile: journal, encoding: .utf8)) ?? ""
        seen.withLock { $0 = $0.isEmpty ? text : $0 }
      }
    }.value
    let writer = try NpyRowWriter.create(folder.file("x.npy"), columns: 48)
    let whole = try NpyArray.read(folder.file("whole.npy")).tensor().floats()
    try writer.append(Array(whole[..<(rows * 48)]))
    return seen.withLock { String($0.split(separator: "\n").first ?? "") }
  }

  @Test("keeps patch tokens in safetensors")
  func patchTokens() async throws {
    var job = try job("x.safetensors")
    job.keepsTokens = true
    job.pooling = .clsAndMean

    _ = try await job.run(with: model)

    let tensors = try Checkpoint.read(folder.file("x.safetensors")).tensors
    #expect(tensors["embeddings"]?.shape == [7, 96])
    #expect(tensors["patch_tokens"]?.shape == [7, 4, 48])
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!left.contains { $0.hasSuffix(".embeddings") || $0.hasSuffix(".tokens") })
  }

  @Test("refuses an output of another kind", arguments: ["x.csv", "x"])
  func outputKind(name: String) async throws {
    await #expect(throws: InferenceError.self) { try await job(name).run(with: model) }
  }

  @Test("says where it cannot write")
  func unwritable() async throws {
    let error = await #expect(throws: InferenceError.self) {
      try await job("no/such/folder/x.npy").run(with: model)
    }
    #expect(error.map { "\($0)".contains("no/such/folder/x.npy") } == true)
  }
}
