/// A tar archive in WebDataset form: images, and beside each its class in `<stem>.cls`.
///
/// Without `.cls` the folder inside the archive that holds the image names its class.
struct TarShard {
  /// A class is a short number or name.
  static let largestClass = 1_024

  private let archive: TarArchive
  private let classes: [RawPath: TarArchive.Member]

  /// Indexes an archive.
  ///
  /// - Throws: ``DataError`` if the archive cannot be read or is damaged.
  init(_ path: RawPath) throws(DataError) {
    archive = try TarArchive(path)
    classes = Dictionary(
      archive.members.filter { $0.name.fileExtension == Array("cls".utf8) }
        .map { ($0.name.stem, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The images in the order of the archive.
  ///
  /// - Throws: ``DataError`` if the archive cannot be read or a class is damaged.
  func references() throws(DataError) -> [ImageReference] {
    let file = try InputFile(archive.path)
    var result: [ImageReference] = []
    for member in archive.members where try isImage(member, in: file) {
      result.append(try reference(to: member, in: file))
    }
    return result
  }

  /// The member that has this name among results, whatever its extension.
  ///
  /// - Throws: ``DataError`` if the archive cannot be read or the class is damaged.
  func reference(named name: RawPath) throws(DataError) -> ImageReference? {
    guard
      let member = archive.members.first(where: { archive.path.appending($0.name.bytes) == name })
    else { return nil }
    return try reference(to: member, in: InputFile(archive.path))
  }

  private func isImage(_ member: TarArchive.Member, in file: InputFile) throws(DataError) -> Bool {
    guard !member.name.isHidden else { return false }
    if ImageKind.hasImageExtension(member.name) { return true }
    guard member.name.fileExtension == nil else { return false }
    let count = min(member.size, ImageKind.leadingBytes)
    return ImageKind.isImage(leading: try file.read(at: member.offset, count: count))
  }

  private func reference(
    to member: TarArchive.Member, in file: InputFile
  ) throws(DataError) -> ImageReference {
    var classIndex: Int?
    let folder = member.name.folder
    var className = folder == "." ? nil : RawPath(bytes: folder.lastComponent).displayName
    if let label = classes[member.name.stem] ?? classes[member.name.key] {
      let text = try self.text(of: label, in: file)
      classIndex = Int(text)
      if classIndex == nil { className = text }
    }
    return ImageReference(
      name: archive.path.appending(member.name.bytes),
      source: .member(archive: archive.path, offset: member.offset, size: member.size),
      classIndex: classIndex, className: className)
  }

  private func text(
    of label: TarArchive.Member, in file: InputFile
  ) throws(DataError) -> String {
    func refused(_ problem: String) -> DataError {
      .refused(path: archive.path.appending(label.name.bytes).displayName, problem: problem)
    }
    guard label.size <= TarShard.largestClass else {
      throw refused("has \(label.size) bytes; a class index or name was expected")
    }
    let bytes = try file.read(at: label.offset, count: label.size)
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
    let trimmed = Array(bytes.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    guard !trimmed.isEmpty, let text = String(validating: trimmed, as: UTF8.self) else {
      throw refused("holds no text; a class index or name was expected")
    }
    return text
  }
}

extension RawPath {
  /// The path without the last extension: `a/b.c.jpg` gives `a/b.c`.
  var stem: RawPath {
    guard let ending = fileExtension else { return self }
    return RawPath(bytes: Array(bytes.dropLast(ending.count + 1)))
  }

  /// The key of WebDataset: up to the first dot of the last part.
  fileprivate var key: RawPath {
    let name = lastComponent
    let end = name.firstIndex(of: UInt8(ascii: ".")) ?? name.count
    return RawPath(bytes: Array(bytes.dropLast(name.count - end)))
  }
}
