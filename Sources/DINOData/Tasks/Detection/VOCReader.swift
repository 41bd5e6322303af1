internal import Imaging

/// Reads boxes from Pascal VOC's XML, one file per image.
///
/// Pixels are counted from 1 and the last one belongs to the box: `xmin` 1 and `xmax` 10 are ten columns
/// from the left edge. Objects that are marked as difficult count neither as found nor as missed.
///
/// Source: Everingham et al., 2010; the development kit's annotation format.
struct VOCReader {
  /// The largest annotation file that is read, bytes.
  static let largestFile = 16 << 20

  private let root: RawPath
  private var reading = DetectionReading()
  private var names: [String: Int] = [:]

  /// The list of a part, as Pascal VOC is published.
  static func list(_ root: RawPath, split: String) -> RawPath {
    root.appending("ImageSets/Main/\(split).txt")
  }

  /// Reads a part.
  ///
  /// - Parameters:
  ///   - root: The folder.
  ///   - split: The part.
  /// - Returns: What the files hold; categories by name in byte order, or as `classes.txt` lists them.
  /// - Throws: ``DataError`` if the part is not there.
  static func read(_ root: RawPath, split: String) throws(DataError) -> DetectionReading {
    var reader = VOCReader(root: root)
    try reader.readNames()
    let list = list(root, split: split)
    let folder = root.appending(split)
    if !folder.isFolder, list.isFile {
      try reader.readList(list)
    } else {
      try reader.readFolder(folder)
    }
    return reader.sorted()
  }

  private init(root: RawPath) { self.root = root }

  /// Takes the order of categories from `classes.txt`, if there is one.
  private mutating func readNames() throws(DataError) {
    let path = root.appending("classes.txt")
    guard path.isFile else { return }
    for line in String(decoding: try path.contents(limit: 1 << 24), as: UTF8.self).split(
      whereSeparator: \.isNewline)
    {
      _ = place(of: String(line))
    }
  }

  private mutating func place(of name: String) -> Int {
    if let place = names[name] { return place }
    names[name] = reading.categories.count
    reading.categories.append(.init(id: reading.categories.count + 1, name: name))
    return reading.categories.count - 1
  }

  private mutating func readFolder(_ folder: RawPath) throws(DataError) {
    var images: [RawPath: RawPath] = [:]
    var annotations: [RawPath] = []
    for file in try FolderWalk.files(below: folder) {
      if file.fileExtension == Array("xml".utf8) {
        annotations.append(file)
      } else if ImageKind.hasImageExtension(file) {
        // Of two images with one name the first stands for the annotations.
        if images[file.stem] == nil { images[file.stem] = file }
      }
    }
    guard !annotations.isEmpty else {
      throw .unusable(
        place: folder.displayName,
        problem: "has no XML files with boxes; expected Pascal VOC's form, one beside each image")
    }
    for file in annotations {
      let path = folder.appending(file.bytes)
      guard let image = images[file.stem] else {
        try reading.note("\(path.displayName): no image has this name", in: folder.displayName)
        continue
      }
      try add(path, image: folder.appending(image.bytes))
    }
  }

  private mutating func readList(_ list: RawPath) throws(DataError) {
    for line in String(decoding: try list.contents(limit: 1 << 28), as: UTF8.self).split(
      whereSeparator: \.isNewline)
    {
      // A list of one class says 1 or -1 behind each name.
      guard let name = line.split(separator: " ").first.map(String.init) else { continue }
      guard !name.contains("/"), name != ".." else {
        try reading.note(
          "\(list.displayName): \"\(name)\" is no name of an image", in: list.displayName)
        continue
      }
      let image = ["jpg", "png", "jpeg"].map { root.appending("JPEGImages/\(name).\($0)") }
        .first(where: \.isFile)
      let path = root.appending("Annotations/\(name).xml")
      guard let image, path.isFile else {
        try reading.note(
          "\(list.displayName): \(RawPath(name).displayName) has no image in JPEGImages or no file in "
            + "Annotations", in: list.displayName)
        continue
      }
      try add(path, image: image)
    }
  }

  /// Reads the file of an image; one that is refused is a problem of the image.
  private mutating func add(_ path: RawPath, image: RawPath) throws(DataError) {
    let tree: XMLTree
    do throws(DataError) {
      tree = try XMLTree(path.contents(limit: Self.largestFile), path: path.displayName)
      guard tree.name == "annotation" else {
        throw .refused(
          path: path.displayName,
          problem: "begins with \"\(tree.name)\"; expected \"annotation\" of Pascal VOC")
      }
    } catch {
      return try reading.note("\(error)", in: root.displayName)
    }
    var sample = DetectionData.Sample(
      id: reading.samples.count + 1, image: ImageReference(file: image), size: Self.size(of: tree),
      objects: [])
    for (number, element) in tree.children.filter({ $0.name == "object" }).enumerated() {
      let place = "\(path.displayName): object \(number + 1)"
      guard let name = element["name"]?.text, !name.isEmpty else {
        try reading.note("\(place) has no name", in: root.displayName)
        continue
      }
      guard let bounds = element["bndbox"].flatMap(Self.box) else {
        try reading.note(
          "\(place), \(name): bndbox has no numbers xmin, ymin, xmax, ymax", in: root.displayName)
        continue
      }
      if let problem = DetectionReading.complaint(about: bounds, in: sample.size) {
        try reading.note("\(place), \(name): \(problem)", in: root.displayName)
        continue
      }
      sample.objects.append(
        .init(
          category: self.place(of: name), box: bounds, area: bounds.area,
          isCrowd: element["difficult"]?.text == "1"))
    }
    reading.samples.append(sample)
  }

  private static func size(of tree: XMLTree) -> Size? {
    guard let size = tree["size"], let height = size["height"].flatMap({ Int($0.text) }),
      let width = size["width"].flatMap({ Int($0.text) }), (1...1 << 24).contains(height),
      (1...1 << 24).contains(width)
    else { return nil }
    return Size(height: height, width: width)
  }

  private static func box(of element: XMLTree) -> BoundingBox? {
    let edges = ["xmin", "ymin", "xmax", "ymax"].compactMap { name in
      element[name].flatMap { Double($0.text) }
    }
    guard edges.count == 4 else { return nil }
    return BoundingBox(
      left: edges[0] - 1, top: edges[1] - 1, width: edges[2] - edges[0] + 1,
      height: edges[3] - edges[1] + 1)
  }

  /// What was read, with categories in byte order of their names unless a file says their order.
  private func sorted() -> DetectionReading {
    guard !root.appending("classes.txt").isFile else { return reading }
    var result = reading
    let order = reading.categories.indices.sorted { first, second in
      RawPath(reading.categories[first].name) < RawPath(reading.categories[second].name)
    }
    var places = [Int](repeating: 0, count: order.count)
    for (place, index) in order.enumerated() { places[index] = place }
    result.categories = order.enumerated().map { place, index in
      .init(id: place + 1, name: reading.categories[index].name)
    }
    for sample in result.samples.indices {
      result.samples[sample].objects = reading.samples[sample].objects.map { object in
        .init(
          category: places[object.category], box: object.box, area: object.area,
          isCrowd: object.isCrowd)
      }
    }
    return result
  }
}
