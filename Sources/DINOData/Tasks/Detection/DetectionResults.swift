/// Boxes that some program found, from a file in COCO's results form: a list of `image_id`, `category_id`,
/// `bbox` and `score`.
public struct DetectionResults: Sendable {
  /// A box.
  public struct Entry: Sendable, Equatable {
    /// The id of the image.
    public var image: Int
    /// The id of the category.
    public var category: Int
    /// The box; a side may be 0.
    public var box: BoundingBox
    /// How sure the program was.
    public var score: Double
  }

  /// The boxes in the order of the file.
  public private(set) var entries: [Entry] = []
  /// The file.
  public let path: RawPath

  /// Reads a file.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``DataError/refused(path:problem:)`` if it is not of this form.
  public init(_ path: RawPath) throws(DataError) {
    self.path = path
    var scanner = JSONScanner(
      try path.contents(limit: COCOReader.largestFile), name: path.displayName)
    guard scanner.peek() == UInt8(ascii: "[") else {
      throw scanner.error("expected a list of image_id, category_id, bbox, score")
    }
    var entries: [Entry] = []
    try scanner.array { scanner throws(DataError) in
      guard entries.count < COCOReader.mostItems else {
        throw scanner.error("more than \(COCOReader.mostItems) boxes")
      }
      entries.append(try Self.entry(&scanner))
    }
    try scanner.expectEnd()
    self.entries = entries
  }

  private static func entry(_ scanner: inout JSONScanner) throws(DataError) -> Entry {
    let start = scanner.position
    var (image, category): (Int?, Int?) = (nil, nil)
    var box: [Double] = []
    var score: Double?
    try scanner.object { key, scanner throws(DataError) in
      switch key {
      case "image_id": image = try scanner.integer()
      case "category_id": category = try scanner.integer()
      case "score": score = try scanner.number()
      case "bbox":
        box = []
        try scanner.array { scanner throws(DataError) in
          box.append(try scanner.number())
          guard box.count <= 4 else { throw scanner.error("a box has more than four numbers") }
        }
      default: try scanner.skip()
      }
    }
    guard let image, let category, let score, box.count == 4, box[2] >= 0, box[3] >= 0 else {
      throw scanner.error(
        "an entry lacks image_id, category_id, score or a bbox of left, top, width, height",
        at: start)
    }
    return Entry(
      image: image, category: category,
      box: BoundingBox(left: box[0], top: box[1], width: box[2], height: box[3]), score: score)
  }
}
