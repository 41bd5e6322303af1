/// One of Meta's dataset strings: `Name:key=value:…`.
///
/// A colon inside a value is kept where what follows it is no key of the form; the original's parser
/// breaks there.
///
/// Source: `dinov2/data/loaders.py` of the released code.
struct DatasetString: Equatable {
  /// A set that Meta's code knows.
  enum Name: String, CaseIterable {
    case imageNet = "ImageNet"
    case imageNet22k = "ImageNet22k"
  }

  private static let keys = ["split", "root", "extra"]

  let name: Name
  private(set) var split = "TRAIN"
  private(set) var root: String?
  private(set) var extra: String?

  /// Parses a string.
  ///
  /// - Parameter text: The string.
  /// - Returns: Nil if it does not begin with the name of a set.
  /// - Throws: ``DataError/usage(problem:)`` if it begins so, but a key is unknown or missing.
  init?(_ text: String) throws(DataError) {
    let pieces = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard let first = pieces.first, let name = Name(rawValue: first) else { return nil }
    self.name = name
    var values: [(key: String, value: String)] = []
    for piece in pieces.dropFirst() {
      let parts = piece.split(separator: "=", maxSplits: 1).map(String.init)
      if parts.count == 2, Self.keys.contains(parts[0]) {
        values.append((parts[0], parts[1]))
      } else if let last = values.indices.last, parts.count < 2 || parts[0].contains("/") {
        values[last].value += ":" + piece
      } else {
        throw .usage(
          problem: "\(text): \"\(piece)\" is no key; expected \(Self.keys.joined(separator: ", "))")
      }
    }
    for (key, value) in values {
      switch key {
      case "split": split = value.uppercased()
      case "root": root = value
      default: extra = value
      }
    }
    guard ["TRAIN", "VAL", "TEST"].contains(split) else {
      throw .usage(problem: "\(text): split is \(split); expected TRAIN, VAL or TEST")
    }
    guard root != nil else {
      throw .usage(
        problem: "\(text): names no folder; add :root=FOLDER, or name a folder of images instead")
    }
  }

  /// The images of the set, in byte order of their paths.
  ///
  /// - Throws: ``DataError`` if the folder is missing or holds no image.
  func images() throws(DataError) -> [ImageReference] {
    let root = root ?? "."
    switch name {
    case .imageNet:
      // `extra` holds tables of what stands in the folder names; the folder itself says it too.
      return try ImageInputs.expand(["\(root)/\(split.lowercased())"])
    case .imageNet22k:
      // One archive for each class.
      return try ImageInputs.expand([root])
    }
  }
}
