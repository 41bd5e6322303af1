internal import Glibc

/// Lists the regular files below a folder.
///
/// Symbolic links are followed; a folder that is reached twice, by a link or by a loop, is listed
/// once, under its real place where it has one below the root. Hidden names are passed over, and so
/// are pipes, sockets, devices and links that lead nowhere.
struct FolderWalk {
  /// The deepest nesting below the root.
  static let deepest = 64

  private struct Folder {
    let relative: RawPath
    let depth: Int
  }

  private let root: RawPath
  private var visited: Set<FolderListing.Identity> = []
  private var files: [RawPath] = []
  private var linked: [Folder] = []

  /// The paths of all files relative to a folder, sorted byte by byte.
  ///
  /// - Parameter root: The folder.
  /// - Returns: Relative paths.
  /// - Throws: ``DataError`` if a folder cannot be read or the tree is too deep.
  static func files(below root: RawPath) throws(DataError) -> [RawPath] {
    var walk = FolderWalk(root: root)
    try walk.walk(Folder(relative: "", depth: 0))
    // Linked folders come after all real ones, so that a link never takes a real folder's place.
    while !walk.linked.isEmpty {
      let links = walk.linked.sorted { $0.relative < $1.relative }
      walk.linked = []
      for link in links { try walk.walk(link) }
    }
    return walk.files.sorted()
  }

  private init(root: RawPath) { self.root = root }

  private mutating func walk(_ start: Folder) throws(DataError) {
    var waiting = [start]
    while let folder = waiting.popLast() {
      for entry in try list(folder) {
        let relative = folder.relative.appending(entry.name)
        switch entry.type {
        case UInt8(DT_REG): files.append(relative)
        case UInt8(DT_DIR): waiting.append(Folder(relative: relative, depth: folder.depth + 1))
        case UInt8(DT_LNK), UInt8(DT_UNKNOWN):
          let next = Folder(relative: relative, depth: folder.depth + 1)
          switch try path(of: relative).kind() {
          case .regular: files.append(relative)
          case .folder:
            if entry.type == UInt8(DT_LNK) { linked.append(next) } else { waiting.append(next) }
          case .other, nil: break
          }
        default: break
        }
      }
    }
  }

  private func path(of relative: RawPath) -> RawPath {
    relative.bytes.isEmpty ? root : root.appending(relative.bytes)
  }

  /// The visible entries of a folder, or none if it was visited before.
  private mutating func list(_ folder: Folder) throws(DataError) -> [FolderListing.Entry] {
    let path = path(of: folder.relative)
    guard folder.depth <= FolderWalk.deepest else {
      throw .unusable(
        place: path.displayName,
        problem:
          "lies more than \(FolderWalk.deepest) folders deep; name a folder nearer to the images"
      )
    }
    let listing = try FolderListing(path)
    guard visited.insert(listing.identity).inserted else { return [] }
    return try listing.entries().filter { $0.name.first != UInt8(ascii: ".") }
  }
}
