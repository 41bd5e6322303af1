/// Writes safetensors files.
public enum Safetensors {
  /// Writes tensors into one safetensors file that appears when it is complete.
  ///
  /// The tensors are stored by falling element size, then by name, so that every one is aligned; the
  /// header is padded to a multiple of 8 bytes. Tensors are written one after the other, without a
  /// copy where they are contiguous.
  ///
  /// - Parameters:
  ///   - tensors: Names, at most 4,096 bytes each and all different, and tensors.
  ///   - metadata: Texts for `__metadata__`. Hugging Face's readers want `format` to be there.
  ///   - path: The file; one that exists is replaced.
  /// - Throws: ``CheckpointError`` if a name is unusable, or if the file cannot be written.
  public static func write(
    _ tensors: [(name: String, tensor: StoredTensor)],
    metadata: [String: String] = ["format": "pt"], to path: String
  ) throws(CheckpointError) {
    let sorted = tensors.sorted {
      ($1.tensor.scalarType.byteCount, $0.name) < ($0.tensor.scalarType.byteCount, $1.name)
    }
    let header = try header(of: sorted, metadata: metadata, path: path)
    let file = try AtomicFile(path: path)
    try file.write((0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) })
    try file.write(header)
    for entry in sorted { try file.write(entry.tensor) }
    try file.commit()
  }

  private static func header(
    of tensors: [(name: String, tensor: StoredTensor)], metadata: [String: String], path: String
  ) throws(CheckpointError) -> [UInt8] {
    var header = Array("{".utf8)
    if !metadata.isEmpty {
      header += Array("\"__metadata__\":{".utf8)
      for (index, key) in metadata.keys.sorted().enumerated() {
        if index > 0 { header.append(0x2C) }
        appendText(key, to: &header)
        header.append(0x3A)
        appendText(metadata[key] ?? "", to: &header)
      }
      header.append(0x7D)
    }
    var names: Set<String> = []
    var position = 0
    for (name, tensor) in tensors {
      guard name.utf8.count <= 4096, name != "__metadata__", names.insert(name).inserted else {
        throw .usage(
          problem: "\(path.escapedForMessage): the tensor name \(name.quoted) is reserved, occurs "
            + "twice or is longer than 4096 bytes")
      }
      if header.count > 1 { header.append(0x2C) }
      appendText(name, to: &header)
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      let end = position + tensor.byteCount
      header += Array(
        """
        :{"dtype":"\(tensor.scalarType.safetensorsName)","shape":[\(shape)],\
        "data_offsets":[\(position),\(end)]}
        """.utf8)
      position = end
    }
    header.append(0x7D)
    while !header.count.isMultiple(of: 8) { header.append(0x20) }
    guard header.count <= SafetensorsReader.maximumHeader else {
      throw .usage(
        problem: "\(path.escapedForMessage): the header would have \(header.count) bytes; at most "
          + "\(SafetensorsReader.maximumHeader) can be read again")
    }
    return header
  }

  /// Appends a JSON string.
  private static func appendText(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(0x22)
    for byte in text.utf8 {
      switch byte {
      case 0x22, 0x5C: bytes += [0x5C, byte]
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        bytes += Array("\\u00\(digits.count == 1 ? "0" : "")\(digits)".utf8)
      default: bytes.append(byte)
      }
    }
    bytes.append(0x22)
  }
}
