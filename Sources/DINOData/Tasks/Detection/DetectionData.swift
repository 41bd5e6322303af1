public import Imaging

/// Images with boxes around objects.
///
/// How files lie is the ``DetectionLayout``'s. Annotations that cannot be used are left out here and reported
/// by ``check(decoder:threads:progress:_:)``.
public struct DetectionData: Sendable {
  /// A kind of object.
  public struct Category: Hashable, Sendable {
    /// The number that annotation files use.
    public let id: Int
    /// The name.
    public let name: String
  }

  /// An object in an image.
  public struct Object: Sendable, Equatable {
    /// The category, by its place in ``DetectionData/categories``.
    public let category: Int
    /// The box as it was annotated; it may reach a little beyond the image.
    public let box: BoundingBox
    /// The area of the object, square pixels: the box's where nothing else is said.
    public let area: Double
    /// Whether the box holds a crowd, or an object that is too hard to count.
    public let isCrowd: Bool

    /// Describes an object.
    ///
    /// - Parameters:
    ///   - category: The category, by its place.
    ///   - box: The box.
    ///   - area: The area, square pixels.
    ///   - isCrowd: Whether the box holds a crowd.
    package init(category: Int, box: BoundingBox, area: Double, isCrowd: Bool) {
      (self.category, self.box) = (category, box)
      (self.area, self.isCrowd) = (area, isCrowd)
    }
  }

  /// An image and its objects.
  public struct Sample: Sendable, Equatable {
    /// The number that annotation files use.
    public let id: Int
    /// The image.
    public let image: ImageReference
    /// The size as it was annotated; nil where nothing is said.
    public let size: Size?
    /// The objects in the order of the file.
    public var objects: [Object]
  }

  /// The folder, as it was named.
  public let root: RawPath
  /// The part: `train`, `val`, ….
  public let split: String
  /// How the files lie.
  public let layout: DetectionLayout
  /// The kinds of objects, in the order of the file.
  public let categories: [Category]
  /// Images and objects.
  public internal(set) var samples: [Sample]
  /// Annotations and images that cannot be used, one line each.
  public let problems: [String]
  /// Boxes that reach beyond their image by more than a pixel; they are cut for training.
  public let cutCount: Int

  /// What is read.
  public struct Options: Sendable {
    /// How the files lie; found out if nil.
    public var layout: DetectionLayout?
    /// Whether an image without a file is a problem; boxes can be compared without.
    public var needsImages = true

    /// Reads everything as it lies.
    public init() {}
  }

  /// Finds and reads the annotations of a part.
  ///
  /// - Parameters:
  ///   - root: The folder.
  ///   - split: The part: `train`, `val`, ….
  ///   - options: What is read.
  /// - Throws: ``DataError/refused(path:problem:)`` for a file that is no annotation file,
  ///   ``DataError/unusable(place:problem:)`` if the part is not there or holds no image.
  public init(
    _ root: RawPath, split: String, options: Options = Options()
  ) throws(DataError) {
    guard root.isFolder else {
      throw .unusable(
        place: root.displayName,
        problem:
          "is no folder; expected ROOT/\(RawPath(split).displayName).json with COCO's boxes, or "
          + "Pascal VOC's XML files beside the images")
    }
    guard !split.isEmpty, !split.contains("/"), split != "." && split != ".." else {
      throw .usage(problem: "\"\(RawPath(split).displayName)\" is no name of a part")
    }
    let found: DetectionLayout
    if let layout = options.layout {
      found = layout
    } else {
      found = try .detect(root, split: split)
    }
    var reading =
      switch found {
      case .coco: try COCOReader.read(root, split: split, needsImages: options.needsImages)
      case .voc: try VOCReader.read(root, split: split)
      }
    reading.countCut()
    guard !reading.samples.isEmpty else {
      throw .unusable(
        place: root.displayName,
        problem: "part \(RawPath(split).displayName) has no image with annotations"
          + (reading.problems.first.map { "; for example \($0)" } ?? ""))
    }
    self.root = root
    self.split = split
    self.layout = found
    categories = reading.categories
    samples = reading.samples
    problems = reading.problems
    cutCount = reading.cutCount
  }

  /// The number of boxes.
  public var objectCount: Int { samples.reduce(0) { $0 + $1.objects.count } }

  /// The data set and the part, for messages.
  public var place: String { "\(root.displayName), \(RawPath(split).displayName)" }
}

/// How the annotations of a detection data set lie.
public enum DetectionLayout: String, CaseIterable, Sendable, Codable {
  /// `ROOT/<split>.json`, or as COCO and Roboflow publish: `ROOT/annotations/instances_<split>.json`,
  /// `ROOT/<split>/_annotations.coco.json`. Images in `ROOT/<split>`, `ROOT/<split>/images`,
  /// `ROOT/images/<split>` or `ROOT/images`.
  case coco
  /// `ROOT/<split>/…/<name>.xml` beside the images; or as Pascal VOC is published: `Annotations`,
  /// `JPEGImages` and `ImageSets/Main/<split>.txt`.
  case voc

  static func detect(_ root: RawPath, split: String) throws(DataError) -> DetectionLayout {
    if COCOReader.file(root, split: split) != nil { return .coco }
    if root.appending(split).isFolder || VOCReader.list(root, split: split).isFile { return .voc }
    throw .unusable(
      place: root.displayName,
      problem: "has no part \(RawPath(split).displayName): neither "
        + COCOReader.files(split).joined(separator: ", ")
        + " nor a folder with Pascal VOC's XML files, "
        + "nor ImageSets/Main/\(RawPath(split).displayName).txt; name another part with --split")
  }
}

/// What a reader of annotations collects.
struct DetectionReading {
  var categories: [DetectionData.Category] = []
  var samples: [DetectionData.Sample] = []
  var problems: [String] = []
  var cutCount = 0

  /// The most problems that are collected; a file with more of them is of another kind.
  static let mostProblems = 10_000

  /// Notes something that cannot be used.
  mutating func note(_ problem: String, in place: String) throws(DataError) {
    guard problems.count < Self.mostProblems else {
      throw .unusable(
        place: place,
        problem: "more than \(Self.mostProblems) annotations cannot be used; for example "
          + problems.prefix(2).joined(separator: "; "))
    }
    problems.append(problem.onOneLine)
  }

  /// What is wrong with a box, if something is.
  static func complaint(about box: BoundingBox, in size: Size?) -> String? {
    guard box.isProper else {
      return "the box \(text(box)) is empty or no box; expected left, top, width, height with both "
        + "sides above 0"
    }
    if let size, box.clipped(to: size) == nil {
      return "the box \(text(box)) lies outside of the image of \(size)"
    }
    return nil
  }

  /// Counts the boxes that reach beyond their image.
  mutating func countCut() {
    for index in samples.indices {
      guard let size = samples[index].size else { continue }
      cutCount += samples[index].objects.count { $0.box.excess(over: size) > 1 }
    }
  }

  private static func text(_ box: BoundingBox) -> String {
    "[\(box.left), \(box.top), \(box.width), \(box.height)]"
  }
}
