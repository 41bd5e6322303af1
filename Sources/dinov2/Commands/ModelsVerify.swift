import ArgumentParser
import CheckpointFormats
import Crypto
import DINOModels
import Foundation
import Telemetry

/// `dinov2 models verify`: whether a weight file is whole.
struct ModelsVerify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check that a weight file or model folder loads strictly and is finite.",
    discussion: """
      Prints the SHA-256 of the weights, which --sha256 compares.

      Example: dinov2 models verify dinov2_vitb14_pretrain.pth --sha256 0b8b82f85de9
      """)

  @Argument(help: "A weight file or a model folder.", completion: .file())
  var path: String

  @OptionGroup(title: "Reading") var reading: WeightFileOptions

  @Option(help: "The expected SHA-256 or its beginning.")
  var sha256: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  private struct Answer: Encodable {
    let path: String
    let sha256: String
    let tensors: Int
    let nonFinite: Int
  }

  func run() async throws {
    let (_, file) = try reading.load(path)
    let digest = try Self.digest(of: file.path)
    if let sha256, !digest.hasPrefix(sha256.lowercased()) {
      throw ModelError.unrecognized(
        path: file.path,
        problem: "its SHA-256 is \(digest), expected \(sha256): fetch the file again")
    }
    let odd = file.backbone.filter { $0.value.nonFiniteCount() > 0 }.keys.sorted()
    guard odd.isEmpty else {
      throw ModelError.unrecognized(
        path: file.path,
        problem: "\(odd.count) tensors hold values that are not finite: "
          + odd.prefix(5).joined(separator: ", "))
    }
    let answer = Answer(
      path: path, sha256: digest, tensors: file.backbone.count, nonFinite: odd.count)
    if json { return try Console.printJSON(answer) }
    Console.print(
      "\(path): \(answer.tensors) tensors, all finite, loaded strictly; SHA-256 \(digest)")
  }

  private static func digest(of path: String) throws -> String {
    let file = try FileHandle(forReadingFrom: URL(filePath: path))
    defer { try? file.close() }
    var hash = SHA256()
    while let part = try file.read(upToCount: 4 << 20), !part.isEmpty { hash.update(data: part) }
    return hash.finalize().map { String(format: "%02x", $0) }.joined()
  }
}
