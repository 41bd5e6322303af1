import Crypto
import DINOTestSupport
import Foundation

@testable import DINOHub

/// Settings whose caches lie in a folder of their own, and a look at what is in it.
final class HubTestFolder: Sendable {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Settings with quick retries that use one server for everything.
  func settings(_ server: LocalServer? = nil, _ environment: [String: String] = [:]) -> HubSettings
  {
    var variables = ["HOME": folder.path, "HF_HUB_CACHE": folder.file("hub")]
    variables["TORCH_HOME"] = folder.file("torch")
    variables["DINOV2_META_URL"] = server?.url
    variables["HF_ENDPOINT"] = server?.url
    var settings = HubSettings(environment: variables.merging(environment) { $1 })
    settings.retries.firstDelay = .milliseconds(1)
    settings.stallTimeout = .seconds(5)
    return settings
  }

  func hub(_ server: LocalServer? = nil, _ environment: [String: String] = [:]) -> ModelHub {
    ModelHub(settings: settings(server, environment))
  }

  /// The files below a folder, links with their targets, in byte order.
  func tree(_ name: String) throws -> [String] {
    let root = folder.file(name)
    let names = try FileManager.default.subpathsOfDirectory(atPath: root)
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.compactMap { name in
      let path = root + "/" + name
      if let target = FileSystem.linkTarget(of: path) { return name + " -> " + target }
      return FileSystem.isFile(path) ? name : nil
    }
  }

  func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  /// What stands for the commit of a repository.
  static let commit = "0123456789abcdef0123456789abcdef01234567"
  /// What stands for weights.
  static let weights = content(700_001)

  /// Bytes without a pattern that a mistake in an offset would hide.
  static func content(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
  }

  static func sha256(_ bytes: [UInt8]) -> String {
    SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
  }

  /// The tag of a small file at Hugging Face: git's hash.
  static func gitHash(_ bytes: [UInt8]) -> String {
    let header = Array("blob \(bytes.count)\0".utf8)
    return Insecure.SHA1.hash(data: header + bytes).map { String(format: "%02x", $0) }.joined()
  }
}

/// A test cannot go on.
struct TestFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
