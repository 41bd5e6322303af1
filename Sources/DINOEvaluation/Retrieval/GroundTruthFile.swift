internal import DINOData
internal import Foundation
package import Imaging

/// `ground_truth.json`: for each query its positives, and images that do not count.
///
///     {"query/a.jpg": {"positive": ["db/1.jpg"], "junk": []},
///      "query/b.jpg": {"easy": ["db/2.jpg"], "hard": [], "junk": [], "bbx": [10, 20, 90, 160]}}
///
/// Images are named as in `gallery.txt`, or by their row there, from 0. `bbx` is the part of the query
/// image that counts: left, top, right, bottom in pixels.
struct GroundTruthFile {
  /// The largest file that is read, in bytes.
  static let largest = 1 << 30

  /// An image of the gallery.
  enum Name: Decodable {
    case path(String)
    case row(Int)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let row = try? container.decode(Int.self) {
        self = .row(row)
      } else {
        self = .path(try container.decode(String.self))
      }
    }
  }

  /// What stands for one query.
  struct Entry: Decodable {
    var positive: [Name]?
    var easy: [Name]?
    var hard: [Name]?
    var junk: [Name]?
    var bbx: [Double]?
  }

  private let path: RawPath
  private let entries: [RawPath: Entry]

  /// Reads the file.
  init(_ path: RawPath) throws(DataError) {
    let data = Data(try path.contents(limit: GroundTruthFile.largest))
    do {
      let decoded = try JSONDecoder().decode([String: Entry].self, from: data)
      entries = Dictionary(
        decoded.map { (RawPath($0), $1) }, uniquingKeysWith: { first, _ in first })
    } catch {
      throw .refused(path: path.displayName, problem: Self.text(of: error))
    }
    self.path = path
  }

  /// The entry of a query.
  func entry(of query: RawPath, isQuery row: Int) throws(DataError) -> Entry {
    guard let entry = entries[query] ?? entries[RawPath(query.displayName)] else {
      throw .unusable(
        place: path.displayName,
        problem: "says nothing about \(query.displayName), query \(row + 1); it has "
          + "\(entries.count) entries, such as \(entries.keys.min()?.displayName ?? "none")")
    }
    return entry
  }

  /// The part of the query image that counts.
  func box(_ entry: Entry, of query: RawPath) throws(DataError) -> FractionalBox? {
    guard let edges = entry.bbx else { return nil }
    guard let box = FractionalBox(edges) else {
      throw .unusable(
        place: path.displayName,
        problem: "bbx of \(query.displayName) is \(edges); expected left, top, right, bottom")
    }
    return box
  }

  /// The rows of the gallery that an entry names.
  func resolve(
    _ entry: Entry, of query: RawPath, in gallery: NameList
  ) throws(DataError) -> RetrievalSet.Truth {
    func rows(_ names: [Name]?) throws(DataError) -> [Int] {
      var rows: [Int] = []
      for name in names ?? [] { rows.append(try row(name, query, gallery)) }
      return rows
    }
    var junk = try rows(entry.junk)
    // A query that is in the gallery finds itself, which says nothing.
    let own = gallery.row(of: query)
    func addOwn(unlessIn positives: [Int]) {
      if let own, !positives.contains(own), !junk.contains(own) { junk.append(own) }
    }
    guard entry.easy == nil, entry.hard == nil else {
      guard entry.positive == nil else {
        throw .unusable(
          place: path.displayName,
          problem: "\(query.displayName) has both positive and easy or hard; one of them expected")
      }
      let (easy, hard) = (try rows(entry.easy), try rows(entry.hard))
      addOwn(unlessIn: easy + hard)
      return .revisited(RevisitedTruth(easy: easy, hard: hard, junk: junk))
    }
    guard let names = entry.positive else {
      throw .unusable(
        place: path.displayName,
        problem: "\(query.displayName) has neither positive nor easy and hard")
    }
    let positive = try rows(names)
    addOwn(unlessIn: positive)
    return .plain(RetrievalTruth(positive: positive, junk: junk))
  }

  private func row(
    _ name: Name, _ query: RawPath, _ gallery: NameList
  ) throws(DataError) -> Int {
    switch name {
    case .row(let row):
      guard gallery.names.indices.contains(row) else {
        throw .unusable(
          place: path.displayName,
          problem: "\(query.displayName) names row \(row); the gallery has \(gallery.names.count)")
      }
      return row
    case .path(let text):
      guard let row = gallery.row(of: RawPath(text)) else {
        throw .unusable(
          place: path.displayName,
          problem: "\(query.displayName) names \(RawPath(text).displayName), which is not in "
            + gallery.path.displayName)
      }
      return row
    }
  }

  /// What is wrong with a file, one line.
  static func text(of error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
      let keys = path.map { key in
        key.intValue.map { "[\($0)]" } ?? RawPath(key.stringValue).displayName
      }
      return keys.isEmpty ? "" : " at " + keys.joined(separator: ".")
    }
    switch error {
    case DecodingError.typeMismatch(let type, let context):
      return "\(type) expected\(place(context.codingPath))"
    case DecodingError.keyNotFound(let key, let context):
      return "\(key.stringValue) is missing\(place(context.codingPath))"
    case DecodingError.valueNotFound(let type, let context):
      return "null\(place(context.codingPath)) where \(type) was expected"
    default: return "is no JSON of the form {query: {positive: […], junk: […]}}"
    }
  }
}

extension FractionalBox {
  /// A box of left, top, right and bottom edge; nil if these are no edges of a box.
  init?(_ edges: [Double]) {
    guard edges.count == 4, edges.allSatisfy({ $0.isFinite && abs($0) < 1e9 }),
      edges[0] < edges[2], edges[1] < edges[3]
    else { return nil }
    self.init(top: edges[1], left: edges[0], bottom: edges[3], right: edges[2])
  }

  /// The whole pixels of the box in an image, edges rounded as Pillow's `crop` rounds them.
  ///
  /// - Parameter size: The size of the image.
  /// - Returns: The part that lies in the image; nil if nothing does.
  package func region(in size: Size) -> Region? {
    func edge(_ value: Double, _ limit: Int) -> Int {
      min(max(Int(value.rounded(.toNearestOrEven)), 0), limit)
    }
    let (top, left) = (edge(top, size.height), edge(left, size.width))
    let region = Region(
      top: top, left: left, height: edge(bottom, size.height) - top,
      width: edge(right, size.width) - left)
    return region.lies(in: size) ? region : nil
  }
}
