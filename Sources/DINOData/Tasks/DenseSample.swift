/// An image and the file that says something about each of its pixels: a mask or a depth map.
public struct DenseSample: Hashable, Sendable {
  /// The name that both share, without ending.
  public let name: String
  /// The image.
  public let image: ImageReference
  /// The mask or the depth map.
  public let target: ImageReference

  init(name: String, image: RawPath, target: RawPath) {
    self.name = name
    self.image = ImageReference(file: image)
    self.target = ImageReference(file: target)
  }
}

/// Images and targets that belong together by their names.
struct DensePairs {
  /// The pairs, in byte order of their names.
  var samples: [DenseSample] = []
  /// Files without a partner, one line each.
  var unpaired: [String] = []

  /// Pairs the files of two folders that have the same path without ending.
  ///
  /// - Parameters:
  ///   - images: The folder of the images.
  ///   - targets: The folder of the masks or depth maps, PNG files.
  ///   - kind: What messages call a target.
  /// - Throws: ``DataError`` if a folder cannot be read or two images share a name.
  init(images: RawPath, targets: RawPath, kind: String) throws(DataError) {
    var found: [RawPath: RawPath] = [:]
    for file in try FolderWalk.files(below: targets) where file.fileExtension == Self.png {
      found[file.stem] = targets.appending(file.bytes)
    }
    var seen: Set<RawPath> = []
    for file in try FolderWalk.files(below: images) where ImageKind.hasImageExtension(file) {
      let path = images.appending(file.bytes)
      guard seen.insert(file.stem).inserted else {
        throw .unusable(
          place: path.displayName,
          problem: "another image has the same name without ending; they would share a \(kind)")
      }
      let name = file.stem.displayName
      if let target = found.removeValue(forKey: file.stem) {
        samples.append(DenseSample(name: name, image: path, target: target))
      } else {
        unpaired.append(
          "\(path.displayName): no \(kind) \(targets.appending(file.stem.bytes).displayName).png")
      }
    }
    for path in found.values.sorted() {
      unpaired.append("\(path.displayName): no image of this name in \(images.displayName)")
    }
  }

  /// Takes pairs that a list names.
  init(_ samples: [DenseSample]) { self.samples = samples }

  static let png = Array("png".utf8)
}

extension RawPath {
  /// The path of something below the folder that this path names.
  func appending(_ text: String) -> RawPath { appending(Array(text.utf8)) }

  /// Whether the path leads to a folder.
  var isFolder: Bool { (try? kind()) == .folder }

  /// Whether the path leads to a file.
  var isFile: Bool { (try? kind()) == .regular }
}

/// Folders of a data set that stand for its parts.
enum SplitFolder {
  /// The folder of a part.
  ///
  /// - Parameters:
  ///   - split: The part: `train`, `val`, ….
  ///   - parent: Where the folders of the parts are.
  ///   - aliases: Other names that layouts give a part.
  /// - Returns: The first folder that exists.
  /// - Throws: ``DataError/unusable(place:problem:)`` that lists the parts that there are.
  static func find(
    _ split: String, in parent: RawPath, aliases: [String: String] = [:]
  ) throws(DataError) -> RawPath {
    let names = [aliases[split], split].compactMap { $0 }
    for name in names where !name.isEmpty && !name.contains("/") && name != ".." {
      let folder = parent.appending(name)
      if folder.isFolder { return folder }
    }
    let parts = try FolderListing(parent).entries()
      .map { RawPath(bytes: $0.name) }
      .filter { !$0.isHidden && parent.appending($0.bytes).isFolder }
      .sorted().map(\.displayName)
    throw .unusable(
      place: parent.displayName,
      problem: "has no part \(RawPath(split).displayName); "
        + (parts.isEmpty ? "it has no folders" : "it has \(parts.joined(separator: ", "))"))
  }
}
