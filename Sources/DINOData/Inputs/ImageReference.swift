/// An image that can be read: a file, or a member of a tar shard.
public struct ImageReference: Hashable, Sendable {
  /// Where the bytes are.
  public enum Source: Hashable, Sendable {
    /// A file of its own.
    case file(RawPath)
    /// A part of a tar archive: the archive, and place and size of the contents in bytes.
    case member(archive: RawPath, offset: Int, size: Int)
  }

  /// The largest encoded image that is read, in bytes; the limit is ours.
  public static let largestFile = 512 << 20

  /// The name that results carry: the path as the user gave it with what was found below it, and
  /// for a member the archive's path, a slash and the member's name.
  public let name: RawPath
  /// Where the bytes are.
  public let source: Source
  /// The class index that stands beside the image in its shard, if there is one; -1 means no class.
  public let classIndex: Int?
  /// The name of the folder that may stand for the class, printable, if there is one.
  public let className: String?

  /// Refers to a file.
  ///
  /// - Parameters:
  ///   - path: The file's path; it becomes the name too.
  ///   - className: The name of the class, or nil.
  public init(file path: RawPath, className: String? = nil) {
    self.init(name: path, source: .file(path), classIndex: nil, className: className)
  }

  package init(name: RawPath, source: Source, classIndex: Int?, className: String?) {
    self.name = name
    self.source = source
    self.classIndex = classIndex
    self.className = className
  }

  /// The name as one printable line.
  public var displayName: String { name.displayName }

  /// Reads the encoded image.
  ///
  /// - Parameter limit: The largest size to accept, in bytes.
  /// - Returns: The bytes of the file or member.
  /// - Throws: ``DataError`` if it cannot be read, is larger than the limit, or ends too early.
  public func bytes(limit: Int = ImageReference.largestFile) throws(DataError) -> [UInt8] {
    switch source {
    case .file(let path):
      return try path.contents(limit: limit)
    case .member(let archive, let offset, let size):
      let member = TarArchive.Member(name: name, offset: offset, size: size)
      return try TarArchive.contents(of: member, in: archive, limit: limit)
    }
  }
}
