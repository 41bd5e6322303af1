/// Finds the images that arguments of a command stand for.
///
/// An argument is one of these, tried in this order:
///
/// - `-`: a list of paths on standard input;
/// - a path that exists: a folder (searched recursively, in byte order of the relative paths;
///   hidden names are passed over), a tar shard, or a file, which is taken whatever its name;
/// - `@list.txt`: a list of paths, one a line, or separated by NUL if it holds one;
/// - a pattern: braces (`train-{000000..000003}.tar`, `{a,b}`) and wildcards (`*`, `?`, `[…]`,
///   `**`);
/// - `shard.tar/member/name.jpg`: one member of a shard, as results name it.
///
/// In a folder, files with the extension of an image count, and files without extension that begin
/// like an image. A folder without images but with tar shards stands for the shards.
public struct ImageInputs: Sendable {
  /// The images in the order of the arguments.
  public private(set) var references: [ImageReference] = []
  /// Files that may name the classes, nearest first.
  private(set) var classLists: [RawPath] = []

  /// Finds images.
  ///
  /// - Parameter arguments: Folders, files, shards, lists and patterns, as above.
  /// - Returns: References to the images in order; at least one.
  /// - Throws: ``DataError`` if an argument leads nowhere, holds no image, or cannot be read.
  public static func expand(_ arguments: [String]) throws(DataError) -> [ImageReference] {
    try ImageInputs(arguments.map { RawPath(argument: $0) }).references
  }

  /// Finds images.
  ///
  /// - Parameter arguments: Folders, files, shards, lists and patterns, as above, in bytes.
  /// - Throws: ``DataError`` if an argument leads nowhere, holds no image, or cannot be read.
  public init(_ arguments: [RawPath]) throws(DataError) {
    guard !arguments.isEmpty else {
      throw .usage(problem: "no images named; name a folder, files, a pattern or tar shards")
    }
    for argument in arguments { try add(argument) }
    guard !references.isEmpty else {
      throw .unusable(
        place: arguments.map(\.displayName).joined(separator: " "),
        problem: "the list names no images")
    }
  }

  private mutating func add(_ argument: RawPath) throws(DataError) {
    guard !argument.bytes.isEmpty else {
      throw .usage(problem: "an empty argument was given where images are expected")
    }
    if argument == "-" { return try addList(StandardInput.read(), named: "standard input") }
    if let kind = try argument.kind() { return try addExisting(argument, kind) }
    if argument.bytes.first == UInt8(ascii: "@") {
      let list = RawPath(bytes: Array(argument.bytes.dropFirst()))
      return try addList(list.contents(limit: ImageInputs.largestList), named: list.displayName)
    }
    for path in try PathPattern.expandBraces(argument) {
      if let kind = try path.kind() {
        try addExisting(path, kind)
      } else if PathPattern.hasWildcard(path) {
        try addMatches(of: path)
      } else {
        try addMember(path)
      }
    }
  }

  /// The largest list of paths that is read, in bytes.
  private static let largestList = 4 << 30

  private mutating func addMatches(of pattern: RawPath) throws(DataError) {
    let paths = try PathPattern.matches(pattern)
    guard !paths.isEmpty else {
      throw .unusable(place: pattern.displayName, problem: "no file matches the pattern")
    }
    var isEmpty = true
    for path in paths {
      guard let kind = try path.kind() else { continue }
      // A pattern such as `*` also meets files that are no images: these are passed over.
      if kind == .regular, !path.isShard, !ImageInputs.isImage(path) { continue }
      if case .other = kind { continue }
      try addExisting(path, kind)
      isEmpty = false
    }
    guard !isEmpty else {
      throw .unusable(
        place: pattern.displayName,
        problem: "\(paths.count) files match the pattern, but none is an image")
    }
  }

  private mutating func addList(_ list: [UInt8], named name: String) throws(DataError) {
    let isSeparatedByNUL = list.contains(0)
    for (number, line) in list.split(
      separator: isSeparatedByNUL ? 0 : 0x0A, omittingEmptySubsequences: false
    ).enumerated() {
      let isWindowsLine = !isSeparatedByNUL && line.last == 0x0D
      let path = RawPath(bytes: Array(isWindowsLine ? line.dropLast() : line))
      guard !path.bytes.isEmpty else { continue }
      if let kind = try path.kind() {
        try addExisting(path, kind)
      } else if try !addMemberIfShard(path) {
        throw .system(
          path: path.displayName, problem: "no such file (line \(number + 1) of \(name))")
      }
    }
  }

  private mutating func addExisting(_ path: RawPath, _ kind: FileKind) throws(DataError) {
    switch kind {
    case .folder: try addFolder(path)
    case .regular where path.isShard: try addShard(path)
    case .regular:
      let folder = path.folder
      let name = folder == "." ? nil : RawPath(bytes: folder.lastComponent).displayName
      references.append(ImageReference(file: path, className: name))
      addClassLists(near: folder)
    case .other(let what):
      throw .refused(path: path.displayName, problem: "is \(what); an image was expected")
    }
  }

  // MARK: Folders

  private mutating func addFolder(_ folder: RawPath) throws(DataError) {
    let files = try FolderWalk.files(below: folder)
    let before = references.count
    for file in files {
      let path = folder.appending(file.bytes)
      guard ImageInputs.isImage(path) else { continue }
      let parts = file.bytes.split(separator: RawPath.separator, maxSplits: 1)
      let name = parts.count < 2 ? nil : RawPath(bytes: Array(parts[0])).displayName
      references.append(ImageReference(file: path, className: name))
    }
    addClassLists(near: folder)
    guard references.count == before else { return }
    let shards = files.map { folder.appending($0.bytes) }.filter(\.isShard)
    for shard in shards { try addShard(shard) }
    guard shards.isEmpty else { return }
    throw .unusable(
      place: folder.displayName,
      problem: files.isEmpty
        ? "the folder holds no files; name a folder with images"
        : "none of the \(files.count) files in the folder is an image; name a folder with images")
  }

  /// Whether a file counts as an image; one that cannot be looked at does, so that whoever decodes
  /// it reports it.
  private static func isImage(_ path: RawPath) -> Bool {
    if ImageKind.hasImageExtension(path) { return true }
    guard path.fileExtension == nil else { return false }
    do throws(DataError) {
      let leading = try InputFile(path).read(at: 0, count: ImageKind.leadingBytes)
      return ImageKind.isImage(leading: leading)
    } catch {
      return error.category == .inputOutput
    }
  }

  /// Class names stand in the folder itself or, as for `train/` and `val/`, in the one above it.
  private mutating func addClassLists(near folder: RawPath) {
    let name = Array("classes.txt".utf8)
    for list in [folder.appending(name), folder.appending(Array("..".utf8)).appending(name)]
    where !classLists.contains(list) {
      classLists.append(list)
    }
  }

  // MARK: Shards

  private mutating func addShard(_ path: RawPath) throws(DataError) {
    let images = try TarShard(path).references()
    guard !images.isEmpty else {
      throw .unusable(place: path.displayName, problem: "the archive holds no images")
    }
    references += images
    addClassLists(near: path.folder)
  }

  private mutating func addMember(_ path: RawPath) throws(DataError) {
    guard try !addMemberIfShard(path) else { return }
    throw .system(
      path: path.displayName,
      problem: "no such file or folder; name a folder, files, a pattern or tar shards")
  }

  /// Adds `shard.tar/member` if such a shard exists.
  private mutating func addMemberIfShard(_ path: RawPath) throws(DataError) -> Bool {
    for (index, byte) in path.bytes.enumerated() where byte == RawPath.separator {
      let shard = RawPath(bytes: Array(path.bytes[..<index]))
      guard shard.isShard, try shard.kind() == .regular else { continue }
      guard let image = try TarShard(shard).reference(named: path) else {
        let member = RawPath(bytes: Array(path.bytes[(index + 1)...])).displayName
        throw .unusable(
          place: shard.displayName, problem: "the archive has no member \(member)")
      }
      references.append(image)
      addClassLists(near: shard.folder)
      return true
    }
    return false
  }
}

extension RawPath {
  /// Whether the name is that of a tar shard.
  var isShard: Bool { fileExtension == Array("tar".utf8) }
}
