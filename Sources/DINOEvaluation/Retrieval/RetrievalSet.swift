public import DINOData
public import Imaging

/// Queries, a gallery, and which images of the gallery each query should find.
///
/// Three forms are read: `queries.txt`, `gallery.txt` and `ground_truth.json`; the files of the
/// revisited Oxford and Paris benchmark (``RevisitedFiles``); and besides the first form `labels.tsv`,
/// which adds kinds of queries and levels of classes (``RetrievalLabels``).
public struct RetrievalSet: Sendable {
  /// An image, or a part of one.
  public struct Item: Sendable, Equatable {
    /// The image.
    public var image: ImageReference
    /// The part that counts, in pixels; nil for the whole image.
    public var box: FractionalBox?

    /// Names an image.
    ///
    /// - Parameters:
    ///   - image: The image.
    ///   - box: The part that counts; nil for the whole image.
    public init(_ image: ImageReference, box: FractionalBox? = nil) {
      self.image = image
      self.box = box
    }
  }

  /// What a query should find.
  public enum Truth: Sendable, Equatable {
    /// Positives and junk.
    case plain(RetrievalTruth)
    /// Easy and hard positives, and junk.
    case revisited(RevisitedTruth)
  }

  /// Queries that are measured together.
  public struct Task: Sendable, Equatable {
    /// What the names of its metrics end with: empty for the main task.
    public var name: String
    /// Positions in ``RetrievalSet/queries``.
    public var queries: [Int]
    /// What each of them should find; rows are those of ``RetrievalSet/gallery``.
    public var truths: [Truth]

    /// Makes a task.
    ///
    /// - Parameters:
    ///   - name: What the names of its metrics end with.
    ///   - queries: Positions in ``RetrievalSet/queries``.
    ///   - truths: What each of them should find.
    public init(name: String, queries: [Int], truths: [Truth]) {
      self.name = name
      self.queries = queries
      self.truths = truths
    }

    /// Whether positives are told apart by difficulty.
    public var isRevisited: Bool {
      truths.contains { if case .revisited = $0 { true } else { false } }
    }
  }

  /// The images that are searched.
  public let gallery: [ImageReference]
  /// The images that are looked for, each once.
  public let queries: [Item]
  /// What is measured, the main task first.
  public let tasks: [Task]

  /// Reads a folder.
  ///
  /// - Parameter folder: The folder.
  /// - Throws: `DataError` if no form is recognised, or its files contradict each other.
  public init(folder: RawPath) throws(DataError) {
    if let file = try RevisitedFiles.find(in: folder) {
      self = try RevisitedFiles.read(file, folder: folder)
      return
    }
    let (queryList, galleryList) = (
      folder.appending(Array("queries.txt".utf8)), folder.appending(Array("gallery.txt".utf8))
    )
    guard queryList.isRegularFile, galleryList.isRegularFile else {
      throw .unusable(
        place: folder.displayName,
        problem: "holds neither queries.txt and gallery.txt nor gnd_*.pkl or gnd_*.json of the "
          + "revisited Oxford and Paris sets; see 'dinov2 evaluate retrieval --help'")
    }
    let gallery = try NameList(galleryList)
    let queries = try NameList(queryList)
    let truth = try GroundTruthFile(folder.appending(Array("ground_truth.json".utf8)))
    var items = queries.references(in: folder).map { Item($0) }
    var truths: [Truth] = []
    for (row, name) in queries.names.enumerated() {
      let entry = try truth.entry(of: name, isQuery: row)
      items[row].box = try truth.box(entry, of: name)
      truths.append(try truth.resolve(entry, of: name, in: gallery))
    }
    var tasks = [Task(name: "", queries: Array(items.indices), truths: truths)]
    if let labels = try RetrievalLabels(folder, gallery: gallery) {
      tasks += labels.tasks(among: &items, known: queries, folder: folder)
    }
    self.init(gallery: gallery.references(in: folder), queries: items, tasks: tasks)
  }

  /// Makes a set.
  ///
  /// - Parameters:
  ///   - gallery: The images that are searched.
  ///   - queries: The images that are looked for.
  ///   - tasks: What is measured.
  public init(gallery: [ImageReference], queries: [Item], tasks: [Task]) {
    self.gallery = gallery
    self.queries = queries
    self.tasks = tasks
  }
}

/// A list of image names, one a line, in bytes.
struct NameList {
  /// The largest list that is read, in bytes.
  static let largest = 1 << 30

  let path: RawPath
  let names: [RawPath]
  private let rows: [RawPath: Int]

  /// Reads a list; empty lines do not count.
  init(_ path: RawPath) throws(DataError) {
    var names: [RawPath] = []
    for line in try path.contents(limit: NameList.largest).split(separator: 0x0A) {
      let name = Array(line.last == 0x0D ? line.dropLast() : line)
      if !name.isEmpty { names.append(RawPath(bytes: name)) }
    }
    try self.init(names, path: path)
  }

  /// Takes names that come from elsewhere.
  init(_ names: [RawPath], path: RawPath) throws(DataError) {
    var rows: [RawPath: Int] = [:]
    for (row, name) in names.enumerated() {
      if let first = rows.updateValue(row, forKey: name) {
        throw .unusable(
          place: path.displayName,
          problem:
            "\(name.displayName) stands in entries \(first + 1) and \(row + 1); name each image once"
        )
      }
    }
    guard !names.isEmpty else {
      throw .unusable(place: path.displayName, problem: "names no images; one path a line expected")
    }
    self.path = path
    self.names = names
    self.rows = rows
  }

  /// The row of a name; JSON can only hold its printable form if it is not UTF-8.
  func row(of name: RawPath) -> Int? { rows[name] ?? rows[RawPath(escaped: name.text)] }

  /// The images that the names stand for.
  func references(in folder: RawPath) -> [ImageReference] {
    names.map { name in
      ImageReference(
        file: name.bytes.first == UInt8(ascii: "/") ? name : folder.appending(name.bytes))
    }
  }
}
