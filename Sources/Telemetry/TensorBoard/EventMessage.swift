/// One record of an event file.
///
/// Source: `event.proto`, `summary.proto`, `tensor.proto` and `types.proto` of TensorFlow; the numbers of
/// the fields are theirs.
struct EventMessage {
  /// What is recorded.
  enum Content {
    /// The first record of every file.
    case version
    /// Records of earlier files from this step on count no more.
    case restart
    /// Numbers by tag.
    case scalars([(tag: String, value: Double)])
    /// A picture as PNG.
    case image(tag: String, png: [UInt8], size: (height: Int, width: Int))
    /// A text, read as Markdown.
    case text(tag: String, String)
  }

  /// Seconds since 1970.
  var time: Double
  var step: Int
  var content: Content

  /// The message as protocol buffers encode it.
  var encoded: [UInt8] {
    var event = ProtobufEncoder()
    event.double(1, time)
    if step != 0 { event.integer(2, step) }
    switch content {
    case .version:
      event.text(3, "brain.Event:2")
    case .restart:
      event.message(7) { log in log.integer(1, 1) }  // SessionLog.status = START
    case .scalars(let scalars):
      event.message(5) { summary in
        for scalar in scalars {
          summary.message(1) { value in
            value.text(1, scalar.tag)
            value.float(2, Float(scalar.value))
          }
        }
      }
    case .image(let tag, let png, let size):
      let parts = [Array(String(size.width).utf8), Array(String(size.height).utf8), png]
      event.message(5) { $0.plugin(tag, name: "images", dataClass: 3, strings: parts) }
    case .text(let tag, let text):
      event.message(5) { $0.plugin(tag, name: "text", dataClass: 2, strings: [Array(text.utf8)]) }
    }
    return event.bytes
  }
}

extension ProtobufEncoder {
  /// A value of a summary: a vector of strings that a plugin of TensorBoard shows.
  fileprivate mutating func plugin(
    _ tag: String, name: String, dataClass: Int, strings: [[UInt8]]
  ) {
    message(1) { value in
      value.text(1, tag)
      value.message(9) { metadata in
        metadata.message(1) { plugin in plugin.text(1, name) }
        metadata.integer(4, dataClass)  // 2: tensors, 3: sequences of blobs
      }
      value.message(8) { tensor in
        tensor.integer(1, 7)  // DT_STRING
        tensor.message(2) { shape in
          shape.message(2) { dimension in dimension.integer(1, strings.count) }
        }
        for string in strings { tensor.data(8, string) }
      }
    }
  }
}
