/// One repository in the cache of `huggingface_hub`: blobs named by their hash, and per commit a folder
/// of links with the names of the files.
///
///     models--org--name/blobs/<etag>
///     models--org--name/refs/main                       holds the commit
///     models--org--name/snapshots/<commit>/config.json  → ../../blobs/<etag>
///     models--org--name/.no_exist/<commit>/<file>       the commit is known not to have the file
///     .locks/models--org--name/<etag>.lock
///
/// Source: huggingface_hub, "Understand caching", and the trees that version 2.4 writes.
struct HuggingFaceRepository: Sendable {
  /// For example `facebook/dinov2-small`.
  let id: String
  /// The folder of all repositories.
  let cache: String

  private var folderName: String { "models--" + id.replacing("/", with: "--") }
  private var root: String { cache + "/" + folderName }

  /// The commit that a branch or tag had when it was last looked up; a commit stands for itself.
  func commit(of revision: String) -> String? {
    if HuggingFaceRepository.isCommit(revision) { return revision }
    let text = FileSystem.readText(root + "/refs/" + revision)
    guard let commit = text?.filter({ !$0.isWhitespace }), HuggingFaceRepository.isCommit(commit)
    else { return nil }
    return commit
  }

  /// The folder of a commit.
  func snapshot(_ commit: String) -> String { root + "/snapshots/" + commit }

  /// The path of a file of a commit; `nil` if it is not here.
  func cachedFile(_ name: String, commit: String) -> String? {
    let path = snapshot(commit) + "/" + name
    return FileSystem.isFile(path) ? path : nil
  }

  /// Where the contents with a tag belong.
  func blob(_ tag: String) -> String { root + "/blobs/" + tag }

  /// The lock that guards the contents with a tag.
  func lock(_ tag: String) -> String { cache + "/.locks/" + folderName + "/" + tag + ".lock" }

  /// Makes the folders of a commit, and marks the cache for programs that make backups.
  func makeFolders(commit: String) throws(HubError) {
    try FileSystem.makeFolder(root + "/blobs")
    try FileSystem.makeFolder(snapshot(commit))
    try FileSystem.makeFolder(cache + "/.locks/" + folderName)
    let mark = cache + "/CACHEDIR.TAG"
    guard !FileSystem.isFile(mark) else { return }
    try FileSystem.writeText(HuggingFaceRepository.cacheMark, to: mark)
  }

  /// Gives contents the name of a file.
  func link(_ name: String, to tag: String, commit: String) throws(HubError) {
    try FileSystem.link(snapshot(commit) + "/" + name, to: "../../blobs/" + tag)
  }

  /// Remembers that a commit does not have a file.
  func markMissing(_ name: String, commit: String) throws(HubError) {
    let folder = root + "/.no_exist/" + commit
    try FileSystem.makeFolder(folder)
    if !FileSystem.isFile(folder + "/" + name) {
      try FileSystem.writeText("", to: folder + "/" + name)
    }
  }

  /// Remembers the commit of a branch or tag.
  func setReference(_ revision: String, to commit: String) throws(HubError) {
    guard revision != commit, self.commit(of: revision) != commit else { return }
    let path = root + "/refs/" + revision
    try FileSystem.makeFolder(FileSystem.parent(of: path) ?? root)
    try FileSystem.writeText(commit, to: path)
  }

  /// The tag in the name of the blob that a file leads to; `nil` for a file that is no link.
  static func tag(ofFile path: String) -> String? {
    FileSystem.linkTarget(of: path)?.split(separator: "/").last.map { String($0) }
  }

  /// Whether a text is the SHA-1 of a commit.
  static func isCommit(_ text: String) -> Bool { text.utf8.count == 40 && text.isHexadecimal }

  /// Whether a tag of a server can be the name of a file; everything else could leave the folder.
  static func isBlobName(_ tag: String) -> Bool {
    (1...200).contains(tag.utf8.count) && !tag.hasPrefix(".")
      && tag.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true  // 0–9 A–Z a–z - . _
        default: false
        }
      }
  }

  /// Whether a revision can stand in an address and in the name of a file.
  static func isRevision(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    return parts.allSatisfy { isBlobName(String($0)) }
  }

  /// The first line is fixed by https://bford.info/cachedir/.
  private static let cacheMark = """
    Signature: 8a477f597d28d172789f06886806bc55
    # This folder holds downloads; see https://bford.info/cachedir/

    """
}
