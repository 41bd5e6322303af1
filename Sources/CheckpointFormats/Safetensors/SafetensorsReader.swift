/// Reads one safetensors file: an eight-byte length, a JSON header, and the tensors' bytes.
///
/// Every byte of the data part belongs to exactly one tensor; files in which tensors overlap, leave
/// holes or end elsewhere than the file are refused, so that one file has one meaning.
struct SafetensorsReader {
  /// The largest header that the reference implementation writes or reads, in bytes.
  static let maximumHeader = 100_000_000
  /// The largest number of tensors.
  static let maximumTensors = 1_000_000
  /// The largest number of dimensions.
  static let maximumRank = 16
  /// The largest size of `__metadata__`, in bytes.
  static let maximumMetadata = 1 << 20

  private struct Entry {
    var name = ""
    var scalarType: ScalarType?
    var shape: [Int]?
    var begin: Int?
    var end: Int?
    var place = 0
  }

  private let region: ByteRegion
  private let options: CheckpointOptions
  private var entries: [Entry] = []
  private var metadata: [String: String] = [:]
  private var notes: [String] = []

  /// What a file holds.
  struct Contents {
    let tensors: [(name: String, tensor: StoredTensor)]
    let metadata: [String: String]
    let notes: [String]
  }

  /// Reads a file.
  ///
  /// - Returns: The tensors in the order of the header.
  static func read(
    _ file: FileBytes, options: CheckpointOptions
  ) throws(CheckpointError) -> Contents {
    var reader = SafetensorsReader(region: ByteRegion(file), options: options)
    let data = try reader.readHeader()
    try reader.checkLayout(dataSize: data.count)
    var tensors: [(name: String, tensor: StoredTensor)] = []
    tensors.reserveCapacity(reader.entries.count)
    for entry in reader.entries {
      tensors.append((entry.name, try reader.tensor(entry, in: data)))
    }
    return Contents(tensors: tensors, metadata: reader.metadata, notes: reader.notes)
  }

  private init(region: ByteRegion, options: CheckpointOptions) {
    self.region = region
    self.options = options
  }

  private func error(_ place: String, _ problem: String) -> CheckpointError {
    .structure(path: region.file.path, place: place, problem: problem)
  }

  /// Parses the header and returns the data part.
  private mutating func readHeader() throws(CheckpointError) -> ByteRegion {
    guard let length = region.integer(0, as: UInt64.self), region.count >= 10 else {
      throw error("safetensors", "the file has \(region.count) bytes; at least 10 are needed")
    }
    guard length >= 2, length <= UInt64(SafetensorsReader.maximumHeader),
      length <= UInt64(region.count - 8), let size = Int(exactly: length),
      let header = region.slice(8, size),
      let data = region.slice(8 + size, region.count - 8 - size)
    else {
      throw error(
        "header length",
        "\(length) bytes are announced; the file has \(region.count - 8) after the length, and a "
          + "header has 2 to \(SafetensorsReader.maximumHeader); the file is damaged or cut off")
    }
    var json = try StrictJSON(header, what: "header")
    var found: [Entry] = []
    var metadata: [String: String] = [:]
    var notes: [String] = []
    let isLenient = options.isLenient
    try StrictJSON.object(&json, limit: SafetensorsReader.maximumTensors + 1) {
      (key, json) throws(CheckpointError) in
      if key == "__metadata__" {
        metadata = try SafetensorsReader.metadata(&json)
      } else {
        var entry = try SafetensorsReader.entry(&json, key, isLenient: isLenient, notes: &notes)
        entry.name = key
        found.append(entry)
      }
    }
    try json.expectEnd()
    entries = found
    self.metadata = metadata
    self.notes = notes
    return data
  }

  private static func metadata(
    _ json: inout StrictJSON
  ) throws(CheckpointError) -> [String: String] {
    var metadata: [String: String] = [:]
    let start = json.position
    try StrictJSON.object(&json, limit: 100_000) { (key, json) throws(CheckpointError) in
      guard json.peek() == 0x22 else {
        throw json.error("__metadata__ \(key.quoted) is not a string; only strings are allowed")
      }
      metadata[key] = try json.string(maximum: maximumMetadata)
      guard json.position - start <= maximumMetadata else {
        throw json.error("__metadata__ is larger than \(maximumMetadata) bytes", at: start)
      }
    }
    return metadata
  }

  private static func entry(
    _ json: inout StrictJSON, _ name: String, isLenient: Bool, notes: inout [String]
  ) throws(CheckpointError) -> Entry {
    var entry = Entry()
    _ = json.peek()
    entry.place = json.position
    var unknown: [String] = []
    try StrictJSON.object(&json, limit: 16) { (key, json) throws(CheckpointError) in
      switch key {
      case "dtype":
        let dtype = try json.string(maximum: 64)
        guard let type = ScalarType(safetensorsName: dtype) else {
          let known = ScalarType.allCases.map(\.safetensorsName).joined(separator: ", ")
          throw json.error(
            "tensor \(name.quoted) has dtype \(dtype.quoted); supported are \(known)")
        }
        entry.scalarType = type
      case "shape":
        entry.shape = try json.integers(limit: maximumRank)
      case "data_offsets":
        let offsets = try json.integers(limit: 2)
        guard offsets.count == 2 else {
          throw json.error(
            "data_offsets of tensor \(name.quoted) has \(offsets.count) numbers; 2 are needed")
        }
        (entry.begin, entry.end) = (offsets[0], offsets[1])
      default:
        guard isLenient else {
          throw json.error(
            "tensor \(name.quoted) has the unknown field \(key.quoted); dtype, shape and "
              + "data_offsets are known")
        }
        unknown.append(key)
        try json.skipValue()
      }
    }
    for key in unknown {
      notes.append("tensor \(name.quoted): unknown field \(key.quoted) was ignored")
    }
    return entry
  }

  /// Checks that the tensors tile the data part.
  private mutating func checkLayout(dataSize: Int) throws(CheckpointError) {
    var spans: [(begin: Int, end: Int, name: String)] = []
    spans.reserveCapacity(entries.count)
    for entry in entries {
      let place = "header+\(8 + entry.place)"
      guard let type = entry.scalarType, let shape = entry.shape, let begin = entry.begin,
        let end = entry.end
      else {
        throw error(
          place, "tensor \(entry.name.quoted) lacks one of dtype, shape and data_offsets")
      }
      guard let bytes = StoredTensor.elementCount(of: shape)?.checkedProduct(type.byteCount) else {
        throw error(place, "the size of tensor \(entry.name.quoted), shape \(shape), overflows")
      }
      guard begin <= end, end - begin == bytes else {
        throw error(
          place,
          "tensor \(entry.name.quoted) has data_offsets [\(begin), \(end)]; \(bytes) bytes are "
            + "needed for \(type.safetensorsName) of shape \(shape)")
      }
      spans.append((begin, end, entry.name))
    }
    spans.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
    var position = 0
    for span in spans {
      guard span.begin == position else {
        let kind = span.begin < position ? "overlaps the tensor before it" : "leaves a hole"
        throw error(
          "data",
          "tensor \(span.name.quoted) \(kind): it begins at byte \(span.begin), expected \(position)"
        )
      }
      position = span.end
    }
    guard position == dataSize else {
      throw error(
        "data",
        "the tensors need \(position) bytes, the file has \(dataSize); it is "
          + (position > dataSize ? "cut off: fetch it again" : "longer than its header says"))
    }
  }

  private func tensor(
    _ entry: Entry, in data: ByteRegion
  ) throws(CheckpointError) -> StoredTensor {
    guard let type = entry.scalarType, let shape = entry.shape, let begin = entry.begin,
      let end = entry.end, let bytes = data.slice(begin, end - begin),
      let count = StoredTensor.elementCount(of: shape)
    else { throw error("data", "tensor \(entry.name.quoted) lies outside the file") }
    let tensor = unsafe StoredTensor(
      scalarType: type, shape: shape, strides: StoredTensor.rowMajorStrides(of: shape),
      count: count, owner: region.file, region: bytes.bytes)
    try tensor.check(entry.name, path: region.file.path, options: options)
    return tensor
  }
}

extension StoredTensor {
  /// Looks at the values where a rule asks for it: Booleans are 0 or 1, and if the caller requires it
  /// all numbers are finite.
  func check(
    _ name: String, path: String, options: CheckpointOptions
  ) throws(CheckpointError) {
    if scalarType == .bool, unsafe bytes.contains(where: { $0 > 1 }) {
      throw .structure(
        path: path, place: "tensor \(name.quoted)",
        problem: "a Boolean is neither 0 nor 1; the file is damaged")
    }
    if options.requiresFinite {
      let count = nonFiniteCount()
      guard count == 0 else {
        throw .structure(
          path: path, place: "tensor \(name.quoted)",
          problem: "\(count) of \(self.count) values are infinite or not a number, and only finite "
            + "values are accepted")
      }
    }
  }
}
