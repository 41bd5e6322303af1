internal import Foundation

/// Where tests find real images.
public enum TestData {
  /// The root of the package that holds this file.
  public static let packageRoot: String = {
    // Tests/DINOTestSupport/TestData.swift: three steps up.
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { url.deleteLastPathComponent() }
    return url.path
  }()

  /// A folder of real data: below the folder that `DINOV2_TEST_DATA` names, otherwise below
  /// `../shared/data` beside the package.
  ///
  ///     @Test(.enabled(if: TestData.folder(named: "demo-photos") != nil, "needs demo-photos"))
  ///
  /// - Parameter name: The name of the folder.
  /// - Returns: Its path, or nil if it is not there; a test must then say that it was skipped.
  public static func folder(named name: String) -> String? {
    let environment = ProcessInfo.processInfo.environment["DINOV2_TEST_DATA"]
    let root = environment.flatMap { $0.isEmpty ? nil : $0 } ?? packageRoot + "/../shared/data"
    let path = root + "/" + name
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
    else { return nil }
    return path
  }
}

/// A folder that is removed with everything in it when the object goes away.
public final class TemporaryFolder: Sendable {
  /// The path of the folder.
  public let path: String

  /// Creates an empty folder.
  ///
  /// - Throws: The file system's error.
  public init() throws {
    path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("dinov2-test-" + UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a file in the folder.
  ///
  /// - Parameter name: The file's name, may hold slashes.
  /// - Returns: The full path.
  public func file(_ name: String) -> String { path + "/" + name }

  /// Writes a file into the folder, making folders on the way.
  ///
  /// - Parameters:
  ///   - name: The file's name, may hold slashes.
  ///   - bytes: The contents.
  /// - Returns: The full path.
  /// - Throws: The file system's error.
  @discardableResult
  public func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let url = URL(fileURLWithPath: file(name))
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    return url.path
  }
}
