public import DINOData

/// Images of which some are altered copies of one another.
///
/// `groups.tsv` names the columns in its first line: `file` is the path, files of one `group` are copies
/// of one another, and `transform` says what was done to each (`original` for nothing). A group of one
/// image is an image without copies.
public struct CopyDetectionSet: Sendable {
  /// What `transform` says of an image that was not altered.
  public static let original = "original"

  /// The images.
  public let images: [ImageReference]
  /// The number of each image's group; nil for images that belong to none.
  public let groups: [Int?]
  /// What was done to each image; empty where nothing is said.
  public let transforms: [String]

  /// Reads the table of a folder.
  ///
  /// - Parameter folder: The folder with `groups.tsv`.
  /// - Throws: `DataError` if the table cannot be read, or has no copies.
  public init(folder: RawPath) throws(DataError) {
    let path = folder.appending(Array("groups.tsv".utf8))
    let lines = try path.contents(limit: NameList.largest).split(separator: 0x0A).map(Self.fields)
    let names = lines.first?.map(\.text) ?? []
    guard let file = names.firstIndex(of: "file"), let group = names.firstIndex(of: "group") else {
      throw .unusable(
        place: path.displayName,
        problem:
          "the first line names \(names.map { RawPath($0).displayName }.joined(separator: ", ")); the columns file and group were expected"
      )
    }
    let transform = names.firstIndex(of: "transform")
    var files: [RawPath] = []
    var groups: [Int?] = []
    var transforms: [String] = []
    var numbers: [RawPath: Int] = [:]
    for (number, fields) in lines.enumerated().dropFirst() {
      guard fields.count == names.count else {
        throw .unusable(
          place: path.displayName,
          problem: "line \(number + 1) has \(fields.count) fields, the first one \(names.count)")
      }
      files.append(fields[file])
      let next = numbers.count
      groups.append(numbers[fields[group], default: next])
      numbers[fields[group]] = groups[groups.count - 1]
      transforms.append(transform.map { fields[$0].text } ?? "")
    }
    let list = try NameList(files, path: path)
    self.init(images: list.references(in: folder), groups: groups, transforms: transforms)
    guard copyCount > 0 else {
      throw .unusable(place: path.displayName, problem: "no group has two images; nothing to find")
    }
  }

  /// Makes a set.
  ///
  /// - Parameters:
  ///   - images: The images.
  ///   - groups: The number of each image's group; nil for images that belong to none.
  ///   - transforms: What was done to each image.
  /// - Precondition: The arrays have one length.
  public init(images: [ImageReference], groups: [Int?], transforms: [String]) {
    precondition(
      images.count == groups.count && images.count == transforms.count, "an odd set of copies")
    self.images = images
    self.groups = groups
    self.transforms = transforms
  }

  /// The set with further images that are copies of none.
  ///
  /// - Parameter images: The images.
  /// - Returns: The larger set.
  public func adding(distractors images: [ImageReference]) -> CopyDetectionSet {
    CopyDetectionSet(
      images: self.images + images, groups: groups + images.map { _ in nil },
      transforms: transforms + images.map { _ in "" })
  }

  /// The number of pairs that are copies of one another.
  public var copyCount: Int {
    var sizes: [Int: Int] = [:]
    for group in groups { if let group { sizes[group, default: 0] += 1 } }
    return sizes.values.reduce(0) { $0 + $1 * ($1 - 1) / 2 }
  }

  private static func fields(_ line: ArraySlice<UInt8>) -> [RawPath] {
    let line = line.last == 0x0D ? line.dropLast() : line
    return line.split(separator: 0x09, omittingEmptySubsequences: false).map {
      RawPath(bytes: Array($0))
    }
  }
}
