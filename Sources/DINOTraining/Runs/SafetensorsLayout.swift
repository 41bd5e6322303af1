internal import CheckpointFormats

/// Where tensors lie in a safetensors file, known before the first byte is written.
///
/// `Safetensors.write` makes the same files, but creates and commits them itself; here the bytes have to
/// go through ``FileOperations``.
struct SafetensorsLayout {
  /// The length and the header, padded to a multiple of 8 bytes.
  let header: [UInt8]
  /// The tensors in the order of their bytes: by falling element size, so that each is aligned.
  let tensors: [(name: String, tensor: StoredTensor)]
  /// The size of the file.
  let byteCount: Int

  /// Lays tensors out.
  init(_ tensors: [(name: String, tensor: StoredTensor)]) throws(RunError) {
    let sorted = tensors.enumerated().sorted {
      ($1.element.tensor.scalarType.byteCount, $0.offset)
        < ($0.element.tensor.scalarType.byteCount, $1.offset)
    }.map(\.element)
    var text = #"{"__metadata__":{"format":"pt"}"#
    var names: Set<String> = []
    var position = 0
    for (name, tensor) in sorted {
      guard !name.isEmpty, name.utf8.count <= 1024, name != "__metadata__",
        name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }),
        names.insert(name).inserted
      else {
        throw .usage(
          problem:
            "the tensor name \(name.quoted) cannot be saved; names are different, of 1 to 1024 "
            + "visible ASCII characters without quotes and backslashes")
      }
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      let end = position + tensor.byteCount
      text += #","\#(name)":{"dtype":"\#(tensor.scalarType.safetensorsName)","shape":[\#(shape)],"#
      text += #""data_offsets":[\#(position),\#(end)]}"#
      position = end
    }
    var bytes = Array((text + "}").utf8)
    while !bytes.count.isMultiple(of: 8) { bytes.append(0x20) }
    let length = (0..<8).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) }
    header = length + bytes
    self.tensors = sorted
    byteCount = header.count + position
  }
}
