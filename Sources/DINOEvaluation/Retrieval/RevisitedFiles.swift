internal import CheckpointFormats
internal import DINOData
internal import Foundation
internal import Imaging

/// The files of the revisited Oxford and Paris benchmark.
///
/// `gnd_roxford5k.pkl`, as published, or the same content as JSON under the same name with `.json`:
///
///     {"imlist": ["all_souls_000013", …], "qimlist": […],
///      "gnd": [{"bbx": [136.5, 34.1, 648.5, 955.7], "easy": [42, …], "hard": […], "junk": […]}, …]}
///
/// Images lie in `jpg/` beside it, names stand without `.jpg`. Each query is cut to its box.
///
/// Source: Radenovic et al., 2018, and the benchmark's own Python code.
enum RevisitedFiles {
  /// The largest file that is read, in bytes.
  private static let largest = 256 << 20

  /// The file of a folder, or nil if it has none.
  static func find(in folder: RawPath) throws(DataError) -> RawPath? {
    guard let entries = try? FileManager.default.contentsOfDirectory(atPath: folder.text) else {
      return nil
    }
    let found = entries.filter {
      $0.hasPrefix("gnd_") && ($0.hasSuffix(".pkl") || $0.hasSuffix(".json"))
    }.sorted()
    let stems = Set(found.map { $0.prefix { $0 != "." } })
    guard stems.count <= 1 else {
      throw .unusable(
        place: folder.displayName,
        problem: "holds \(found.joined(separator: " and ")); keep each set in a folder of its own")
    }
    // JSON comes first in the alphabet: whoever converted the pickle wants it used.
    return found.first.map { folder.appending(Array($0.utf8)) }
  }

  /// The content of either form.
  struct Content: Decodable {
    struct Query: Decodable {
      var bbx: [Double]?
      var easy: [Int]
      var hard: [Int]
      var junk: [Int]
    }
    var imlist: [String]
    var qimlist: [String]
    var gnd: [Query]
  }

  /// Reads a set.
  static func read(_ path: RawPath, folder: RawPath) throws(DataError) -> RetrievalSet {
    let content = try content(of: path)
    guard content.gnd.count == content.qimlist.count else {
      throw .unusable(
        place: path.displayName,
        problem: "\(content.qimlist.count) names in qimlist, \(content.gnd.count) entries in gnd")
    }
    let gallery = try NameList(content.imlist.map { RawPath($0) }, path: path)
    var items: [RetrievalSet.Item] = []
    var truths: [RetrievalSet.Truth] = []
    for (name, entry) in zip(content.qimlist, content.gnd) {
      let rows = entry.easy + entry.hard + entry.junk
      if let wrong = rows.first(where: { !content.imlist.indices.contains($0) }) {
        throw .unusable(
          place: path.displayName,
          problem: "\(RawPath(name).displayName) names row \(wrong); imlist has "
            + "\(content.imlist.count)")
      }
      let box = entry.bbx.flatMap { FractionalBox($0) }
      guard box != nil || entry.bbx == nil else {
        throw .unusable(
          place: path.displayName,
          problem: "bbx of \(RawPath(name).displayName) is \(entry.bbx ?? []); expected left, top, "
            + "right, bottom")
      }
      items.append(.init(image(named: RawPath(name), in: folder), box: box))
      truths.append(
        .revisited(RevisitedTruth(easy: entry.easy, hard: entry.hard, junk: entry.junk)))
    }
    return RetrievalSet(
      gallery: gallery.names.map { image(named: $0, in: folder) }, queries: items,
      tasks: [.init(name: "", queries: Array(items.indices), truths: truths)])
  }

  /// The image of a name: in `jpg/`, in `images/` or in the folder itself, with `.jpg` or as named.
  private static func image(named name: RawPath, in folder: RawPath) -> ImageReference {
    let ending = Array(".jpg".utf8)
    let places = ["jpg", "images", ""].map {
      $0.isEmpty ? folder : folder.appending(Array($0.utf8))
    }
    let candidates = places.flatMap { place in
      [name.bytes + ending, name.bytes].map { place.appending($0) }
    }
    return ImageReference(file: candidates.first(where: \.isRegularFile) ?? candidates[0])
  }

  private static func content(of path: RawPath) throws(DataError) -> Content {
    guard path.fileExtension == Array("json".utf8) else { return try pickled(path) }
    do {
      return try JSONDecoder().decode(
        Content.self, from: Data(try path.contents(limit: largest)))
    } catch let error as DataError { throw error } catch {
      throw .refused(path: path.displayName, problem: GroundTruthFile.text(of: error))
    }
  }

  // MARK: - Pickle

  private static func pickled(_ path: RawPath) throws(DataError) -> Content {
    let root: CheckpointValue
    do throws(CheckpointError) {
      root = try Pickle.read(path.text)
    } catch {
      let reason = "\(error)".replacing("refused \(path.text.escapedForMessage): ", with: "")
      throw .refused(
        path: path.displayName,
        problem: "\(reason); convert it to JSON of the same content beside it")
    }
    func refused(_ what: String) -> DataError {
      .refused(
        path: path.displayName,
        problem: "\(what); a dictionary of imlist, qimlist and gnd was expected")
    }
    func names(_ key: String) throws(DataError) -> [String] {
      guard let values = root[key]?.children else { throw refused("has no \(key)") }
      let names = values.compactMap(\.text)
      guard names.count == values.count else { throw refused("\(key) holds more than names") }
      return names
    }
    guard let entries = root["gnd"]?.children else { throw refused("has no gnd") }
    var gnd: [Content.Query] = []
    for (row, entry) in entries.enumerated() {
      func numbers(_ key: String) throws(DataError) -> [Double]? {
        guard let value = entry[key] else { return nil }
        guard let numbers = PickledNumbers.read(value) else {
          throw refused("gnd[\(row)].\(key) is no list of numbers")
        }
        return numbers
      }
      func rows(_ key: String) throws(DataError) -> [Int] {
        guard let numbers = try numbers(key) else { throw refused("gnd[\(row)] has no \(key)") }
        let rows = numbers.compactMap { Int(exactly: $0) }
        guard rows.count == numbers.count else { throw refused("gnd[\(row)].\(key) has fractions") }
        return rows
      }
      gnd.append(
        .init(
          bbx: try numbers("bbx"), easy: try rows("easy"), hard: try rows("hard"),
          junk: try rows("junk")))
    }
    return Content(imlist: try names("imlist"), qimlist: try names("qimlist"), gnd: gnd)
  }
}

/// Numbers in a pickle: a list, a tuple or a small numpy array.
enum PickledNumbers {
  /// The numbers of a value; nil if it is something else.
  static func read(_ value: CheckpointValue) -> [Double]? {
    switch value.kind {
    case .list, .tuple:
      var numbers: [Double] = []
      for child in value.children {
        guard let number = child.number ?? scalar(child) else { return nil }
        numbers.append(number)
      }
      return numbers
    case .record(let name) where name.hasSuffix("multiarray._reconstruct"):
      return array(value)
    default: return nil
    }
  }

  /// `scalar(dtype, bytes)`.
  private static func scalar(_ value: CheckpointValue) -> Double? {
    guard case .record(let name) = value.kind, name.hasSuffix("multiarray.scalar"),
      let arguments = value.children.first?.children, arguments.count == 2,
      case .bytes(let bytes) = arguments[1].kind
    else { return nil }
    return elements(of: bytes, type: arguments[0])?.first
  }

  /// The state of an array: version, shape, dtype, whether columns come first, bytes.
  private static func array(_ value: CheckpointValue) -> [Double]? {
    guard value.children.count == 2 else { return nil }
    let state = value.children[1].children
    guard state.count == 5, let count = state[1].children.first?.integer,
      state[1].children.count == 1, case .bytes(let bytes) = state[4].kind,
      let numbers = elements(of: bytes, type: state[2]), numbers.count == count
    else { return nil }
    return numbers
  }

  private static func elements(of bytes: [UInt8], type: CheckpointValue) -> [Double]? {
    // A dtype is `dtype(name, …)` with a state whose second item is the byte order.
    guard case .record(let name) = type.kind, name == "numpy.dtype",
      let code = type.children.first?.children.first?.text,
      type.children.count < 2 || type.children[1].children.dropFirst().first?.text != ">"
    else { return nil }
    func numbers(_ size: Int, _ value: (UInt64) -> Double) -> [Double]? {
      guard bytes.count.isMultiple(of: size) else { return nil }
      return stride(from: 0, to: bytes.count, by: size).map { start in
        value((0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[start + $1]) << (8 * UInt64($1)) })
      }
    }
    return switch code {
    case "i8": numbers(8) { Double(Int64(bitPattern: $0)) }
    case "u8": numbers(8) { Double($0) }
    case "i4": numbers(4) { Double(Int32(truncatingIfNeeded: $0)) }
    case "u4": numbers(4) { Double($0) }
    case "i2": numbers(2) { Double(Int16(truncatingIfNeeded: $0)) }
    case "u2": numbers(2) { Double($0) }
    case "f8": numbers(8) { Double(bitPattern: $0) }
    case "f4": numbers(4) { Double(Float(bitPattern: UInt32(truncatingIfNeeded: $0))) }
    default: nil
    }
  }
}
