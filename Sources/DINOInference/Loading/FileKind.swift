internal import FoundationEssentials

/// What a path leads to.
enum FileKind {
  /// Whether a path leads to a file that is no folder.
  static func isFile(_ path: String) -> Bool {
    var isFolder = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder
  }
}
