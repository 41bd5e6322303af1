import Telemetry
import Testing

@Suite("Display width")
struct DisplayWidthTests {
  @Test(
    "columns are counted as a terminal does",
    arguments: [("plain", 5), ("", 0), ("e\u{301}", 1), ("画像", 4), ("🙂", 2), ("\u{200B}", 0)])
  func width(text: String, expected: Int) {
    #expect(text.displayWidth == expected)
  }

  @Test(
    "text that is too long ends with an ellipsis",
    arguments: [
      ("abcdef", 6, "abcdef"), ("abcdefg", 6, "abcde…"), ("画像です", 5, "画像…"), ("画像です", 4, "画…"),
      ("ab", 1, "…"), ("ab", 0, ""),
    ])
  func truncated(text: String, width: Int, expected: String) {
    #expect(text.truncated(toWidth: width) == expected)
  }

  @Test("control characters cannot reach the terminal")
  func onOneLine() {
    #expect("a\nb\u{1B}[2J\u{202E}c".onOneLine == "a\u{FFFD}b\u{FFFD}[2J\u{FFFD}c")
    #expect("été 画".onOneLine == "été 画")
  }
}
