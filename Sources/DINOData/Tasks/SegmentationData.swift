public import Imaging

/// Images with a class for each pixel.
///
/// Masks are PNG files of indices or grey whose numbers are classes; 255 counts nowhere. How files lie
/// and what numbers mean is the ``SegmentationLayout``'s.
public struct SegmentationData: Sendable {
  /// Stands for a pixel that counts nowhere in ``labels(of:)``.
  public static let ignoredLabel = LabelTable.ignored

  /// What is read, and what is left out.
  public struct Options: Sendable {
    /// How the files lie; found out by the folders if nil.
    public var layout: SegmentationLayout?
    /// Classes whose pixels count nowhere, such as one that stands for "not labelled".
    public var ignoredClasses: [Int] = []

    /// Reads everything.
    public init() {}
  }

  /// The folder, as it was named.
  public let root: RawPath
  /// The part: `train`, `val`, ….
  public let split: String
  /// How the files lie.
  public let layout: SegmentationLayout
  /// The names of the classes by index.
  public let classNames: [String]
  /// Classes whose pixels count nowhere.
  public let ignoredClasses: [Int]
  /// Images and masks.
  public internal(set) var samples: [DenseSample]
  /// Files without a partner, one line each.
  public let unpaired: [String]

  /// Finds the files of a part; ``check(decoder:progress:)`` looks into them.
  ///
  /// - Parameters:
  ///   - root: The folder.
  ///   - split: The part: `train`, `val`, ….
  ///   - options: What is read, and what is left out.
  /// - Throws: ``DataError`` if the part is not there or empty, or classes are not named rightly.
  public init(
    _ root: RawPath, split: String, options: Options = Options()
  ) throws(DataError) {
    guard root.isFolder else {
      throw .unusable(
        place: root.displayName,
        problem: "is no folder; expected ROOT/\(split)/images, ROOT/\(split)/masks and "
          + "ROOT/classes.txt, or the folder of ADE20K, Pascal VOC or Cityscapes")
    }
    let layout = options.layout ?? .detect(root)
    let names = try layout.classNames(in: root)
    guard (1...LabelTable.mostClasses).contains(names.count), Set(names).count == names.count else {
      throw .unusable(
        place: root.displayName, problem: "\(names.count) classes, or one of them is named twice")
    }
    if let wrong = options.ignoredClasses.first(where: { !names.indices.contains($0) }) {
      throw .usage(
        problem: "class \(wrong) cannot be ignored: the classes are 0 to \(names.count - 1)")
    }
    let pairs = try layout.pairs(in: root, split: split)
    guard !pairs.samples.isEmpty else {
      throw .unusable(
        place: root.displayName,
        problem: "part \(RawPath(split).displayName) has no image with a mask"
          + (pairs.unpaired.first.map { "; for example \($0)" } ?? ""))
    }
    self.root = root
    self.split = split
    self.layout = layout
    classNames = names
    ignoredClasses = options.ignoredClasses
    samples = pairs.samples
    unpaired = pairs.unpaired
  }

  /// The class of each pixel.
  ///
  /// - Parameters:
  ///   - sample: An image and its mask.
  ///   - size: The size of the image, which the mask must have; any if nil.
  ///   - decoder: What an image may take.
  /// - Returns: Classes by index; ``ignoredLabel`` where the pixel counts nowhere.
  /// - Throws: ``DataError`` if the mask cannot be read, has another size or holds a number that is no
  ///   class.
  public func labels(
    of sample: DenseSample, size: Size? = nil, decoder: ImageDecoder = ImageDecoder()
  ) throws(DataError) -> ValueImage {
    let stored = try sample.target.decodeValues(decoder)
    try sample.demand(stored.size, size, kind: "mask")
    var table = table(for: sample)
    for label in ignoredClasses { table.ignore(class: label) }
    var labels = stored.values
    for index in labels.indices {
      let label = table[labels[index]]
      guard label != LabelTable.unknown else {
        let (row, column) = index.quotientAndRemainder(dividingBy: stored.size.width)
        throw .unusable(
          place: sample.target.displayName,
          problem:
            "holds \(labels[index]) at row \(row), column \(column); the \(classNames.count) "
            + "classes have the numbers 0 to \(classNames.count - 1), and 255 is ignored")
      }
      labels[index] = label
    }
    do throws(ImageError) {
      return try ValueImage(labels, size: stored.size)
    } catch { throw DataError(error, path: sample.target.displayName) }
  }

  private func table(for sample: DenseSample) -> LabelTable {
    guard case .file(let path) = sample.target.source else {
      return LabelTable(classes: classNames.count)
    }
    return layout.table(for: path, classes: classNames.count)
  }

  /// Refuses names that are not those of a head, or stand in another order.
  ///
  /// - Parameters:
  ///   - names: The classes of the head by index.
  ///   - head: The head, for the message.
  /// - Throws: ``DataError/unusable(place:problem:)`` with the first difference.
  public func demandClasses(_ names: [String], of head: String) throws(DataError) {
    guard names != classNames else { return }
    let count = max(names.count, classNames.count)
    let first = (0..<count).first { index in
      !names.indices.contains(index) || !classNames.indices.contains(index)
        || names[index] != classNames[index]
    }
    let index = first ?? 0
    func name(_ list: [String]) -> String {
      list.indices.contains(index) ? RawPath(list[index]).displayName : "nothing"
    }
    let isReordered = Set(names) == Set(classNames)
    throw .unusable(
      place: root.displayName,
      problem: "its classes are not those of \(head): number \(index) is \(name(classNames)) here, "
        + "\(name(names)) in the head"
        + (isReordered
          ? "; the names are the same in another order: number the masks as the head does"
          : " (\(classNames.count) and \(names.count) classes)"))
  }
}

extension DenseSample {
  /// Refuses a target of another size than the image.
  func demand(_ found: Size, _ expected: Size?, kind: String) throws(DataError) {
    guard let expected, found != expected else { return }
    throw .unusable(
      place: target.displayName,
      problem: "this \(kind) is \(found), its image \(image.displayName) is \(expected); both must "
        + "have one size")
  }
}

extension ImageReference {
  /// Reads a PNG file of whole numbers.
  func decodeValues(_ decoder: ImageDecoder) throws(DataError) -> ValueImage {
    let bytes = try bytes(limit: decoder.limits.encodedBytes)
    do throws(ImageError) {
      return try decoder.decodeValues(bytes: bytes, name: displayName)
    } catch { throw DataError(error, path: displayName) }
  }

  /// The size of an image, by its header.
  package func size(_ decoder: ImageDecoder) throws(DataError) -> Size {
    let bytes = try bytes(limit: decoder.limits.encodedBytes)
    do throws(ImageError) {
      let info = try decoder.probe(bytes: bytes, name: displayName)
      // Orientations from 5 on lie on their side.
      guard decoder.appliesOrientation, info.orientation >= 5 else { return info.size }
      return Size(height: info.size.width, width: info.size.height)
    } catch { throw DataError(error, path: displayName) }
  }
}
