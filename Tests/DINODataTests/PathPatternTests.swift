import DINOData
import DINOTestSupport
import Testing

@Suite("Names and patterns")
struct PathPatternTests {
  @Test(
    "shows odd names in one line and restores them",
    arguments: [
      Array("plain name.jpg".utf8), Array("ünïcödé-图像-🐘.jpg".utf8), Array("a\nb\t\u{1B}[31m".utf8),
      Array("back\\slash\\x41".utf8), [0xFF, 0xFE, 0x41, 0x5C], Array("bidi\u{202E}gpj".utf8),
      (1...255).filter { $0 != 47 }.map { UInt8($0) },
    ])
  func escapesNames(bytes: [UInt8]) {
    let shown = RawPath(bytes: bytes).displayName

    #expect(RawPath(escaped: shown).bytes == bytes)
    #expect(
      shown.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0.value != 0x202E }
    )
  }

  @Test("finds the bytes of an argument that is not UTF-8")
  func restoresArguments() {
    let odd: [UInt8] = [0x61, 0xFF, 0x62]
    let shown = String(decoding: odd, as: UTF8.self)
    let replacement = Array("a\u{FFFD}c".utf8)

    #expect(RawPath(argument: shown, of: [[0x78], odd]).bytes == odd)
    #expect(RawPath(argument: shown, of: []).bytes == Array(shown.utf8))
    // A name that really holds a replacement character stays what it is.
    #expect(RawPath(argument: "a\u{FFFD}c", of: [replacement]).bytes == replacement)
    #expect(RawPath(argument: "plain").bytes == Array("plain".utf8))
  }

  @Test("leaves readable names as they are")
  func keepsReadableNames() {
    #expect(RawPath("ünïcödé-图像-🐘.jpg").displayName == "ünïcödé-图像-🐘.jpg")
  }

  @Test(
    "expands braces in order",
    arguments: [
      ("a", ["a"]), ("{a,b}c", ["ac", "bc"]), ("x{1..3}", ["x1", "x2", "x3"]),
      ("t-{000008..000011}.tar", ["t-000008.tar", "t-000009.tar", "t-000010.tar", "t-000011.tar"]),
      ("{3..1}", ["3", "2", "1"]), ("{a,{b,c}d}{0..1}", ["a0", "a1", "bd0", "bd1", "cd0", "cd1"]),
      ("{a}", ["{a}"]), ("a{b", ["a{b"]), ("a}b{,c}", ["a}b", "a}bc"]), ("{x..3}", ["{x..3}"]),
      ("{08..10}", ["08", "09", "10"]),
    ])
  func expandsBraces(pattern: String, expected: [String]) throws {
    #expect(try PathPattern.expandBraces(RawPath(pattern)) == expected.map { RawPath($0) })
  }

  @Test(
    "refuses braces without measure",
    arguments: [
      "{0..9999999999}", "{0..9223372036854775807}", "{1..1000}{1..1000}{1..1000}",
      "{99999999999999999999999..1}{0..1000000}",
    ])
  func refusesEndlessBraces(pattern: String) {
    let error = #expect(throws: DataError.self) {
      try PathPattern.expandBraces(RawPath(pattern))
    }
    #expect(error?.category == .usage)
  }

  @Test(
    "matches names as a shell does",
    arguments: [
      ("*.jpg", "a.jpg", true), ("*.jpg", "a.jpeg", false), ("?", "a", true), ("?", "", false),
      ("a*b*c", "aXXbYYc", true), ("a*b*c", "aXXbYY", false), ("[a-c]x", "bx", true),
      ("[!a-c]x", "bx", false), ("[^a]", "b", true), ("[]]", "]", true), ("[a", "[a", true),
      ("*", "", true), ("\\*", "*", true), ("\\*", "a", false), ("[a-]", "-", true),
    ])
  func matchesNames(pattern: String, name: String, expected: Bool) {
    #expect(PathPattern.matches(Array(name.utf8), Array(pattern.utf8)) == expected)
  }

  @Test("takes no exponential time", .timeLimit(.minutes(1)))
  func matchesFast() {
    let pattern = Array(String(repeating: "*a", count: 60).utf8) + Array("b".utf8)
    #expect(!PathPattern.matches([UInt8](repeating: 0x61, count: 4_000), pattern))
  }

  @Test("finds files by pattern, sorted, without hidden ones")
  func findsFiles() throws {
    let folder = try TemporaryFolder()
    for name in ["b/2.jpg", "a/1.jpg", "a/.h.jpg", "a/x.txt", "a/c/3.jpg", ".z/4.jpg", "0.jpg"] {
      try folder.write(name, [1])
    }
    func found(_ pattern: String) throws -> [String] {
      try PathPattern.matches(RawPath(folder.file(pattern))).map {
        String($0.text.dropFirst(folder.path.count + 1))
      }
    }

    #expect(try found("*/*.jpg") == ["a/1.jpg", "b/2.jpg"])
    #expect(try found("**/*.jpg") == ["0.jpg", "a/1.jpg", "a/c/3.jpg", "b/2.jpg"])
    #expect(try found("a/.*.jpg") == ["a/.h.jpg"])
    #expect(try found("[ab]") == ["a", "b"])
    #expect(try found("none/*.jpg").isEmpty)
  }
}
