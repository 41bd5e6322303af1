/// Images with classes, from class folders or labelled shards.
///
/// In `ROOT/<class>/*` the folder below the root names the class; in a shard the `.cls` member
/// beside the image holds its index or name, otherwise the folder inside the archive names it.
/// `classes.txt` in the root, above it or beside the shards gives the order of the classes: the
/// line number, from 0, is the index. Without it class folders are numbered in byte order.
public struct LabelledImages: Sendable {
  /// The images that have a class.
  public let references: [ImageReference]
  /// The class index of each image, an index of ``classNames``.
  public let labels: [Int]
  /// The names of the classes.
  public let classNames: [String]
  /// The images without a class.
  public let unlabelled: [ImageReference]

  /// Finds labelled images.
  ///
  /// - Parameters:
  ///   - arguments: Folders, shards, lists and patterns as for ``ImageInputs``.
  ///   - classNames: The classes to number by, for example those of the training images; nil takes
  ///     them from the inputs.
  /// - Throws: ``DataError`` if inputs cannot be read, no image has a class, or a class is not
  ///   among the names.
  public init(_ arguments: [String], classNames: [String]? = nil) throws(DataError) {
    let inputs = try ImageInputs(arguments.map { RawPath(argument: $0) })
    let place = arguments.map { RawPath(argument: $0).displayName }.joined(separator: " ")
    let hasClass = { (reference: ImageReference) in
      reference.classIndex.map { $0 >= 0 } ?? (reference.className != nil)
    }
    let labelled = inputs.references.filter(hasClass)
    guard !labelled.isEmpty else {
      throw .unusable(
        place: place,
        problem: "none of the \(inputs.references.count) images has a class; expected "
          + "ROOT/<class>/<image>, or shards with <stem>.cls")
    }
    let names: [String]
    if let classNames {
      names = classNames
    } else {
      names = try ClassNames.found(for: labelled, in: inputs.classLists)
    }
    let indices = Dictionary(
      names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    var labels: [Int] = []
    for reference in labelled {
      let index = reference.classIndex ?? reference.className.flatMap { indices[$0] }
      guard let index, names.indices.contains(index) else {
        let found = reference.classIndex.map { "index \($0)" } ?? reference.className ?? "none"
        throw .unusable(
          place: reference.displayName,
          problem: "its class (\(found)) is not among the \(names.count) classes, which begin with "
            + names.prefix(3).joined(separator: ", "))
      }
      labels.append(index)
    }
    references = labelled
    self.labels = labels
    self.classNames = names
    unlabelled = inputs.references.filter { !hasClass($0) }
  }
}

/// Lists of class names: one a line, the line number from 0 is the index.
public enum ClassNames {
  private static let largestList = 16 << 20

  /// Reads `classes.txt`.
  ///
  /// - Parameter path: The file.
  /// - Returns: The names in order; empty lines at the end do not count.
  /// - Throws: ``DataError`` if the file cannot be read, is not UTF-8, or has an empty or repeated
  ///   name.
  public static func read(_ path: RawPath) throws(DataError) -> [String] {
    let bytes = try path.contents(limit: largestList)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .refused(
        path: path.displayName, problem: "is not UTF-8 text; one class a line expected")
    }
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .map { String($0) }
    while lines.last?.isEmpty == true { lines.removeLast() }
    var seen: [String: Int] = [:]
    for (number, line) in lines.enumerated() {
      guard !line.isEmpty else {
        throw .refused(path: path.displayName, problem: "line \(number + 1) is empty")
      }
      if let first = seen.updateValue(number, forKey: line) {
        throw .refused(
          path: path.displayName,
          problem: "\(RawPath(line).displayName) stands in lines \(first + 1) and \(number + 1)")
      }
    }
    guard !lines.isEmpty else {
      throw .refused(path: path.displayName, problem: "holds no class names")
    }
    return lines
  }

  /// The class names of images: from the first list that covers them, otherwise from their folders.
  static func found(
    for images: [ImageReference], in lists: [RawPath]
  ) throws(DataError) -> [String] {
    let largest = images.compactMap(\.classIndex).max() ?? -1
    let used = Set(images.filter { $0.classIndex == nil }.compactMap(\.className))
    for list in lists where try list.kind() == .regular {
      let names = try read(list)
      if largest < names.count, used.isSubset(of: names) { return names }
    }
    guard largest >= 0 else {
      return used.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
    guard used.isEmpty, largest < mostNumbers else {
      throw .unusable(
        place: images[0].displayName,
        problem: "class indices up to \(largest) have no names; put classes.txt beside the shards")
    }
    return (0...largest).map { String($0) }
  }

  /// Beyond this many classes a list of names is asked for.
  private static let mostNumbers = 1_000_000
}
