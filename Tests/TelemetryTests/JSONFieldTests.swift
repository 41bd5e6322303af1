import Telemetry
import Testing

@Suite("JSONField")
struct JSONFieldTests {
  @Test("objects keep their order and escape what JSON asks for")
  func object() {
    let text = JSONField.object([
      ("name", "a\"b\\c\n\t\u{1}é"), ("ok", true), ("n", -3), ("x", 0.25), ("none", .null),
      ("list", .array([1, "two"])),
    ])

    #expect(
      text == #"{"name":"a\"b\\c\n\t\u0001é","ok":true,"n":-3,"x":0.25,"none":null,"#
        + #""list":[1,"two"]}"#)
  }

  @Test("numbers that JSON does not have become null", arguments: [Double.nan, .infinity])
  func notFinite(value: Double) {
    #expect(JSONField.number(value).json == "null")
  }
}
