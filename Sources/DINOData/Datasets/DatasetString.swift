/// One of Meta's dataset strings: `Name:key=value:…`.
///
/// The keys are `root`, `extra` and, for ImageNet, `split`. A colon inside a value is kept where what
/// follows it is no key, and an equals sign after the first one; the original's parser breaks at both.
///
/// Source: `dinov2/data/loaders.py` of the released code.
struct DatasetString: Equatable {
  /// A set that Meta's code knows.
  enum Name: String, CaseIterable {
    case imageNet = "ImageNet"
    case imageNet22k = "ImageNet22k"
  }

  /// A part of a set.
  enum Split: String, CaseIterable {
    case train = "TRAIN"
    case val = "VAL"
    case test = "TEST"

    /// The folder of its images.
    var folder: String { rawValue.lowercased() }
  }

  private static let keys = ["split", "root", "extra"]

  let name: Name
  let split: Split
  let root: String
  let extra: String?

  /// Parses a string; nil if it does not begin with the name of a set and a colon.
  ///
  /// - Parameter text: The string.
  /// - Throws: ``DataError/usage(problem:)`` if it begins so, but a key is unknown, repeated or missing.
  init?(_ text: String) throws(DataError) {
    let pieces = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard pieces.count > 1, let name = Name(rawValue: pieces[0]) else { return nil }
    self.name = name
    let values = try Self.values(pieces.dropFirst(), of: text)
    let split = values["split"] ?? "TRAIN"
    guard let split = Split(rawValue: split.uppercased()) else {
      throw .usage(problem: "\(text): split is \"\(split)\"; expected TRAIN, VAL or TEST")
    }
    guard let root = values["root"], !root.isEmpty else {
      throw .usage(
        problem: "\(text): names no folder; add :root=FOLDER, or name a folder of images instead")
    }
    (self.split, self.root, extra) = (split, root, values["extra"])
  }

  private static func values(
    _ pieces: ArraySlice<String>, of text: String
  ) throws(DataError) -> [String: String] {
    var values: [String: String] = [:]
    var last: String?
    for piece in pieces {
      let parts = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        .map(String.init)
      if parts.count == 2, keys.contains(parts[0]) {
        guard values.updateValue(parts[1], forKey: parts[0]) == nil else {
          throw .usage(problem: "\(text): \(parts[0]) occurs twice; name it once")
        }
        last = parts[0]
      } else if let last, parts.count == 1 || !parts[0].isWord {
        values[last, default: ""] += ":" + piece
      } else {
        throw .usage(
          problem: "\(text): \"\(piece)\" is no key; expected \(keys.joined(separator: ", "))")
      }
    }
    return values
  }

  /// The images of the set.
  ///
  /// - Throws: ``DataError`` if a folder or table is missing or damaged, or there is no image.
  func images() throws(DataError) -> [ImageReference] {
    let (root, extra) = (RawPath(argument: root), extra.map { RawPath(argument: $0) })
    return switch name {
    case .imageNet: try ImageNetFolder(root: root, extra: extra, split: split).images()
    case .imageNet22k: try ImageNet22kFolder(root: root, extra: extra, split: split).images()
    }
  }
}

extension String {
  /// Whether this looks like the name of a key: letters, digits and underscores.
  fileprivate var isWord: Bool {
    !isEmpty
      && unicodeScalars.allSatisfy {
        $0 == "_" || $0.properties.isAlphabetic || ("0"..."9").contains($0)
      }
  }
}
