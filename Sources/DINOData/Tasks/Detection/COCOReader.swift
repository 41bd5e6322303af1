internal import Imaging

/// Reads boxes from COCO's JSON.
///
/// Source: the data format of cocodataset.org; unknown members, polygons among them, are passed over.
struct COCOReader {
  private struct Image {
    var id: Int?
    var file: String?
    var height: Int?
    var width: Int?
  }

  private struct Annotation {
    var id: Int?
    var image: Int?
    var category: Int?
    var box: [Double]?
    var area: Double?
    var isCrowd = false
  }

  /// The largest annotation file that is read, bytes: several times that of COCO.
  static let largestFile = 2 << 30
  /// The most images, annotations or categories.
  static let mostItems = 50_000_000

  private let path: RawPath
  private let needsImages: Bool
  private var images: [Image] = []
  private var annotations: [Annotation] = []
  private var categories: [(id: Int?, name: String?)] = []

  /// Where the file of a part may lie, relative to the root.
  static func files(_ split: String) -> [String] {
    [
      "\(split).json", "annotations/instances_\(split).json", "annotations/\(split).json",
      "\(split)/_annotations.coco.json", "\(split)/annotations.json",
    ].map { RawPath($0).displayName }
  }

  /// The file of a part; nil if there is none.
  static func file(_ root: RawPath, split: String) -> RawPath? {
    [
      "\(split).json", "annotations/instances_\(split).json", "annotations/\(split).json",
      "\(split)/_annotations.coco.json", "\(split)/annotations.json",
    ].map { root.appending($0) }.first(where: \.isFile)
  }

  /// Reads a part.
  ///
  /// - Parameters:
  ///   - root: The folder.
  ///   - split: The part.
  ///   - needsImages: Whether an image without a file is a problem.
  /// - Returns: What the file holds.
  /// - Throws: ``DataError/refused(path:problem:)`` if the file is not of this form.
  static func read(
    _ root: RawPath, split: String, needsImages: Bool
  ) throws(DataError) -> DetectionReading {
    guard let path = file(root, split: split) else {
      throw .unusable(
        place: root.displayName,
        problem: "has no part \(RawPath(split).displayName); expected one of "
          + files(split).joined(separator: ", "))
    }
    var reader = COCOReader(path: path, needsImages: needsImages)
    try reader.parse(path.contents(limit: largestFile))
    let folders = [
      split, "\(split)/images", "images/\(split)", "images", "\(split)2017", "", "train2017",
    ].map { $0.isEmpty ? root : root.appending($0) }
    return try reader.join(folders)
  }

  private init(path: RawPath, needsImages: Bool) {
    self.path = path
    self.needsImages = needsImages
  }

  // MARK: - Parsing

  private mutating func parse(_ bytes: [UInt8]) throws(DataError) {
    var scanner = JSONScanner(bytes, name: path.displayName)
    var seen: Set<String> = []
    var reader = self
    guard scanner.peek() == UInt8(ascii: "{") else {
      throw scanner.error("expected an object with images, annotations and categories")
    }
    try scanner.object { key, scanner throws(DataError) in
      guard ["images", "annotations", "categories"].contains(key) else { return try scanner.skip() }
      guard seen.insert(key).inserted else { throw scanner.error("\"\(key)\" occurs twice") }
      try scanner.array { scanner throws(DataError) in
        switch key {
        case "images": reader.images.append(try Self.image(&scanner))
        case "annotations": reader.annotations.append(try Self.annotation(&scanner))
        default: reader.categories.append(try Self.category(&scanner))
        }
        guard
          max(reader.images.count, reader.annotations.count, reader.categories.count)
            <= Self.mostItems
        else { throw scanner.error("more than \(Self.mostItems) \(key)") }
      }
    }
    try scanner.expectEnd()
    let missing = ["images", "annotations", "categories"].filter { !seen.contains($0) }
    guard missing.isEmpty else {
      throw .refused(
        path: path.displayName,
        problem: "has no \(missing.joined(separator: ", no ")); expected COCO's detection form")
    }
    self = reader
  }

  private static func image(_ scanner: inout JSONScanner) throws(DataError) -> Image {
    var image = Image()
    try scanner.object { key, scanner throws(DataError) in
      switch key {
      case "id": image.id = try scanner.integer()
      case "file_name": image.file = try scanner.string()
      case "height" where !scanner.null(): image.height = try scanner.integer()
      case "width" where !scanner.null(): image.width = try scanner.integer()
      case "height", "width": break
      default: try scanner.skip()
      }
    }
    return image
  }

  private static func annotation(_ scanner: inout JSONScanner) throws(DataError) -> Annotation {
    var annotation = Annotation()
    try scanner.object { key, scanner throws(DataError) in
      switch key {
      case "id": annotation.id = try scanner.integer()
      case "image_id": annotation.image = try scanner.integer()
      case "category_id": annotation.category = try scanner.integer()
      case "bbox" where !scanner.null():
        var box: [Double] = []
        try scanner.array { scanner throws(DataError) in
          box.append(try scanner.number())
          guard box.count <= 16 else { throw scanner.error("a box has more than four numbers") }
        }
        annotation.box = box
      case "area" where !scanner.null(): annotation.area = try scanner.number()
      case "iscrowd" where !scanner.null(): annotation.isCrowd = try scanner.truth()
      case "bbox", "area", "iscrowd": break
      default: try scanner.skip()
      }
    }
    return annotation
  }

  private static func category(
    _ scanner: inout JSONScanner
  ) throws(DataError) -> (id: Int?, name: String?) {
    var (id, name): (Int?, String?) = (nil, nil)
    try scanner.object { key, scanner throws(DataError) in
      switch key {
      case "id": id = try scanner.integer()
      case "name": name = try scanner.string()
      default: try scanner.skip()
      }
    }
    return (id, name)
  }

  // MARK: - Joining

  private var place: String { path.displayName }

  private func join(_ folders: [RawPath]) throws(DataError) -> DetectionReading {
    var reading = DetectionReading()
    let categories = try joinCategories(&reading)
    var places = try joinImages(&reading, folders)
    var ids: Set<Int> = []
    for (number, annotation) in annotations.enumerated() {
      let name = "\(place): annotation \(annotation.id.map(String.init) ?? "at place \(number)")"
      if let id = annotation.id, !ids.insert(id).inserted {
        try reading.note("\(name): the id occurs twice", in: place)
        continue
      }
      guard let image = annotation.image, let found = places[image] else {
        try reading.note(
          "\(name): there is no image \(annotation.image.map(String.init) ?? "id")", in: place)
        continue
      }
      guard let id = annotation.category, let category = categories[id] else {
        try reading.note(
          "\(name): there is no category \(annotation.category.map(String.init) ?? "id")", in: place
        )
        continue
      }
      // The file of the image is missing, which was reported.
      guard let index = found else { continue }
      guard let box = annotation.box, box.count == 4 else {
        try reading.note("\(name): bbox is not left, top, width, height", in: place)
        continue
      }
      let bounds = BoundingBox(left: box[0], top: box[1], width: box[2], height: box[3])
      let size = reading.samples[index].size
      if let problem = DetectionReading.complaint(about: bounds, in: size) {
        try reading.note("\(name): \(problem)", in: place)
        continue
      }
      let area = annotation.area.flatMap { $0.isFinite && $0 >= 0 ? $0 : nil } ?? bounds.area
      reading.samples[index].objects.append(
        .init(category: category, box: bounds, area: area, isCrowd: annotation.isCrowd))
    }
    places.removeAll()
    return reading
  }

  /// Categories by id.
  private func joinCategories(
    _ reading: inout DetectionReading
  ) throws(DataError) -> [Int: Int] {
    var places: [Int: Int] = [:]
    var names: Set<String> = []
    for (number, category) in categories.enumerated() {
      guard let id = category.id, let name = category.name, !name.isEmpty else {
        throw .unusable(
          place: place, problem: "category at place \(number) has no id or no name")
      }
      guard places.updateValue(reading.categories.count, forKey: id) == nil,
        names.insert(name).inserted
      else {
        throw .unusable(
          place: place,
          problem: "category \(id), \(RawPath(name).displayName), occurs twice by id or by name")
      }
      reading.categories.append(.init(id: id, name: name))
    }
    guard !categories.isEmpty else {
      throw .unusable(place: place, problem: "has no categories")
    }
    return places
  }

  /// Places of samples by the id of the image; nil for an image whose file is missing.
  private func joinImages(
    _ reading: inout DetectionReading, _ folders: [RawPath]
  ) throws(DataError) -> [Int: Int?] {
    var places: [Int: Int?] = [:]
    var files: Set<String> = []
    var folders = folders
    for (number, image) in images.enumerated() {
      let name = "\(place): image \(image.id.map(String.init) ?? "at place \(number)")"
      guard let id = image.id, let file = image.file else {
        try reading.note("\(name) has no id or no file_name", in: place)
        continue
      }
      guard places[id] == nil else {
        try reading.note("\(name): the id occurs twice", in: place)
        continue
      }
      places[id] = .some(nil)
      let shown = RawPath(file).displayName
      guard files.insert(file).inserted else {
        try reading.note("\(name): the file \(shown) occurs twice", in: place)
        continue
      }
      let parts = file.split(separator: "/", omittingEmptySubsequences: false)
      guard !file.isEmpty, !file.hasPrefix("/"), !parts.contains("..") else {
        try reading.note(
          "\(name): \"\(shown)\" is no path inside the data set", in: place)
        continue
      }
      let found = folders.firstIndex { $0.appending(file).isFile }
      guard let folder = found ?? (needsImages ? nil : 0) else {
        try reading.note(
          "\(name): \(shown) is not in \(folders.prefix(4).map(\.displayName).joined(separator: ", "))",
          in: place)
        continue
      }
      // The next image is probably in the same folder.
      if folder > 0 { folders.insert(folders.remove(at: folder), at: 0) }
      var size: Size?
      if let height = image.height, let width = image.width {
        guard (1...1 << 24).contains(height), (1...1 << 24).contains(width) else {
          try reading.note("\(name): \(height) x \(width) is no size", in: place)
          continue
        }
        size = Size(height: height, width: width)
      }
      places[id] = .some(reading.samples.count)
      reading.samples.append(
        .init(
          id: id, image: ImageReference(file: folders[0].appending(file)), size: size, objects: []))
    }
    return places
  }
}

extension JSONScanner {
  /// Reads 0, 1, true or false.
  fileprivate mutating func truth() throws(DataError) -> Bool {
    guard let byte = peek() else { throw error("found the end where 0 or 1 was expected") }
    guard byte == UInt8(ascii: "t") || byte == UInt8(ascii: "f") else { return try number() != 0 }
    try skip()
    return byte == UInt8(ascii: "t")
  }
}
