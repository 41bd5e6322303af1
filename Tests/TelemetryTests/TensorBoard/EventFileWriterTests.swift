import DINOTestSupport
import Foundation
import Telemetry
import Testing

@Suite("EventFileWriter")
struct EventFileWriterTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func writer(resumingAt step: Int? = nil) throws -> EventFileWriter {
    try EventFileWriter(folder: folder.path, resumingAt: step) { 1_700_000_000.25 }
  }

  /// The messages of a file whose lengths and checks are right.
  private func messages(_ writer: EventFileWriter) throws -> [ProtobufFields] {
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: writer.path)))
    var messages: [ProtobufFields] = []
    var position = 0
    func number(_ count: Int) -> Int {
      defer { position += count }
      return (0..<count).reduce(0) { $0 | Int(bytes[position + $1]) << (8 * $1) }
    }
    while position < bytes.count {
      let header = Array(bytes[position..<(position + 8)])
      let count = number(8)
      #expect(number(4) == Int(CRC32C.masked(header)))
      let data = Array(bytes[position..<(position + count)])
      position += count
      #expect(number(4) == Int(CRC32C.masked(data)))
      messages.append(try ProtobufFields(data))
    }
    #expect(position == bytes.count)
    return messages
  }

  /// Made with tensorboard 2.21.0 from PyPI: its `RecordWriter`, and its messages `Event` and `Summary`.
  private static let reference =
    "1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe9"
    + "2100000000000000017becf60900001040fc54d94110ac022a130a110a0a6c6f73732f746f74616c15"
    + "0000003f2a46c2af"

  /// A picture's header; TensorBoard gets whatever follows.
  private func png(height: UInt8, width: UInt8) -> [UInt8] {
    [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8)
      + [0, 0, 0, width, 0, 0, 0, height, 8, 2, 0, 0, 0]
  }

  @Test("the name is one that TensorBoard looks for, and two files at one time differ")
  func name() throws {
    let first = try writer()
    let second = try writer()

    let name = try #require(first.path.split(separator: "/").last)
    #expect(name.hasPrefix("events.out.tfevents.1700000000."))
    #expect(first.path != second.path)
  }

  @Test("the first record says the version")
  func version() throws {
    let messages = try messages(try writer())

    #expect(messages.count == 1)
    #expect(messages[0].text(3) == "brain.Event:2")
    #expect(messages[0].integer(1) == 1_700_000_000.25.bitPattern)
  }

  @Test("the bytes of a file are those that TensorBoard's own writer makes")
  func exactBytes() throws {
    let writer = try writer()
    try writer.add(["loss/total": 0.5], step: 300)

    let bytes = try Data(contentsOf: URL(fileURLWithPath: writer.path))
    #expect(
      bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        == Self.reference)
  }

  @Test("numbers go by tag, as single precision")
  func scalars() throws {
    let writer = try writer()
    try writer.add(["b": -1, "a": 0.1, "c": .nan], step: 7)

    let event = try messages(writer)[1]
    #expect(event.integer(2) == 7)
    let values = try event.message(5).all(1).map(ProtobufFields.init)
    #expect(values.map { $0.text(1) } == ["a", "b", "c"])
    let floats = values.map { Float(bitPattern: UInt32($0.integer(2) ?? 0)) }
    #expect(floats[0] == 0.1)
    #expect(floats[1] == -1)
    #expect(floats[2].isNaN)
  }

  @Test("a picture is a vector of width, height and bytes for the plugin of images")
  func image() throws {
    let writer = try writer()
    let picture = png(height: 20, width: 30)
    try writer.add(png: picture, tag: "samples/crops", step: 2)

    let value = try messages(writer)[1].message(5).message(1)
    #expect(value.text(1) == "samples/crops")
    #expect(try value.message(9).message(1).text(1) == "images")
    let tensor = try value.message(8)
    #expect(tensor.integer(1) == 7)
    #expect(try tensor.message(2).message(2).integer(1) == 3)
    #expect(tensor.all(8) == [Array("30".utf8), Array("20".utf8), picture])
  }

  @Test("a text is for the plugin of texts")
  func text() throws {
    let writer = try writer()
    try writer.add(text: "**config**", tag: "config", step: 0)

    let event = try messages(writer)[1]
    #expect(event.integer(2) == nil)
    let value = try event.message(5).message(1)
    #expect(try value.message(9).message(1).text(1) == "text")
    #expect(try value.message(8).all(8) == [Array("**config**".utf8)])
  }

  @Test("a run that goes on hides what came after")
  func restart() throws {
    let messages = try messages(try writer(resumingAt: 40))

    #expect(messages.count == 2)
    #expect(messages[1].integer(2) == 41)
    #expect(try messages[1].message(7).integer(1) == 1)
  }

  @Test("bytes that are no PNG file are refused and nothing is written", arguments: [0, 23, 40])
  func noPicture(count: Int) throws {
    let writer = try writer()

    #expect(throws: TelemetryError.self) {
      try writer.add(png: [UInt8](repeating: 1, count: count), tag: "x", step: 1)
    }
    #expect(throws: TelemetryError.self) {
      try writer.add(png: png(height: 0, width: 3), tag: "x", step: 1)
    }
    #expect(try messages(writer).count == 1)
  }

  @Test("records of several threads do not mix")
  func threads() async throws {
    let writer = try writer()

    await withThrowingTaskGroup(of: Void.self) { group in
      for step in 1...200 { group.addTask { try writer.add(["x": Double(step)], step: step) } }
    }

    let steps = try messages(writer).dropFirst().map { $0.integer(2) }
    #expect(Set(steps) == Set((1...200).map { UInt64($0) }))
    #expect(steps.count == 200)
  }

  @Test("a folder that is missing is an error that names the file")
  func missingFolder() {
    let error = #expect(throws: TelemetryError.self) {
      try EventFileWriter(folder: folder.file("none"))
    }
    #expect(error?.description.contains("/none/events.out.tfevents.") == true)
  }
}
