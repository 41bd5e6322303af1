internal import CheckpointFormats
internal import Crypto
internal import Foundation

/// Which run a checkpoint belongs to, and what wrote it.
public struct CheckpointOrigin: Codable, Equatable, Sendable {
  /// The name of the run.
  public var runID: String
  /// A hash of the settings that change the mathematics.
  public var configurationHash: String
  /// The version of this package.
  public var codeVersion: String
  /// The version of libtorch.
  public var libtorchVersion: String

  private enum CodingKeys: String, CodingKey {
    case runID = "run_id"
    case configurationHash = "config_hash"
    case codeVersion = "code_version"
    case libtorchVersion = "libtorch_version"
  }

  /// Names an origin.
  ///
  /// - Parameters:
  ///   - runID: The name of the run.
  ///   - configurationHash: A hash of the settings that change the mathematics.
  ///   - codeVersion: The version of this package.
  ///   - libtorchVersion: The version of libtorch.
  public init(
    runID: String, configurationHash: String, codeVersion: String, libtorchVersion: String
  ) {
    self.runID = runID
    self.configurationHash = configurationHash
    self.codeVersion = codeVersion
    self.libtorchVersion = libtorchVersion
  }
}

/// The list of a checkpoint's files with their sizes and hashes; its last member is its own hash.
struct CheckpointManifest: Codable, Equatable {
  /// One file.
  struct File: Codable, Equatable {
    var name: String
    var size: Int
    var sha256: String
  }

  /// The name of the manifest's own file.
  static let fileName = "MANIFEST.json"
  /// The version of this form.
  static let currentFormat = 1
  /// A manifest with more bytes is not one of ours.
  private static let maximumBytes = 1 << 20
  /// The member that ends the text; what stands before its 64 digits is what they are the hash of.
  private static let seal = Array(#","manifest_sha256":""#.utf8)
  private static let end = Array("\"}\n".utf8)

  var format = Self.currentFormat
  var iteration: Int
  var worldSize: Int
  var origin: CheckpointOrigin
  var files: [File]

  private enum CodingKeys: String, CodingKey {
    case format = "format_version"
    case iteration
    case worldSize = "world_size"
    case origin
    case files
  }

  /// The text of the file.
  func encoded() throws(RunError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else {
      throw .usage(problem: "the manifest of iteration \(iteration) cannot be encoded")
    }
    let text = Array(data.dropLast()) + Self.seal
    return text + Array(SHA256.hash(data: text).hexadecimal.utf8) + Self.end
  }

  /// Reads the manifest of a checkpoint and checks all that does not need its files.
  ///
  /// - Returns: A manifest whose file names are base names, without doubles.
  static func read(folder: String, iteration: Int) throws(RunError) -> CheckpointManifest {
    let path = folder + "/" + fileName
    guard let size = FolderTree.fileSize(path) else {
      throw .damaged(path: folder, reasons: ["\(fileName) is missing"])
    }
    guard size <= maximumBytes else {
      throw .damaged(
        path: folder,
        reasons: ["\(fileName) has \(size) bytes; at most \(maximumBytes) are expected"])
    }
    let bytes: [UInt8]
    do throws(CheckpointError) {
      bytes = unsafe try FileBytes(path: path).withUnsafeBytes { unsafe Array($0) }
    } catch {
      throw .damaged(path: folder, reasons: ["\(error)"])
    }
    guard let manifest = unseal(bytes) else {
      throw .damaged(path: folder, reasons: ["\(fileName) does not match its own hash"])
    }
    guard manifest.format == currentFormat else {
      throw .incompatible(
        path: path,
        problem: "has format \(manifest.format), this version reads \(currentFormat); resume with "
          + "version \(manifest.origin.codeVersion.quoted)")
    }
    if let problem = manifest.problem(iteration: iteration) {
      throw .damaged(path: folder, reasons: ["\(fileName) \(problem)"])
    }
    return manifest
  }

  private static func unseal(_ bytes: [UInt8]) -> CheckpointManifest? {
    let digits = 2 * SHA256.Digest.byteCount
    let textCount = bytes.count - digits - end.count
    guard textCount > seal.count, bytes.suffix(end.count).elementsEqual(end),
      bytes[..<textCount].suffix(seal.count).elementsEqual(seal)
    else { return nil }
    let text = Array(bytes[..<textCount])
    let written = bytes[textCount..<(textCount + digits)]
    guard written.elementsEqual(SHA256.hash(data: text).hexadecimal.utf8) else { return nil }
    return try? JSONDecoder().decode(CheckpointManifest.self, from: Data(bytes))
  }

  private func problem(iteration: Int) -> String? {
    guard self.iteration == iteration else {
      return "is that of iteration \(self.iteration)"
    }
    var names: Set<String> = []
    for file in files {
      guard Self.isBaseName(file.name), names.insert(file.name).inserted, file.size >= 0 else {
        return "names the file \(file.name.quoted) with \(file.size) bytes, which cannot be"
      }
    }
    return nil
  }

  private static func isBaseName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 255 && !name.hasPrefix(".") && name != fileName
      && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }
  }
}
