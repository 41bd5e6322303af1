import Telemetry
import Testing

@Suite("TextTable")
struct TextTableTests {
  private var models: TextTable {
    var table = TextTable([.left("MODEL"), .right("PARAMETERS"), .left("CACHED")])
    table.append(["dinov2_vits14", "22,056,576", "yes"])
    table.append(["dinov2_vitg14_reg", "1,136,486,912"])
    return table
  }

  @Test("columns are aligned and lines end without blanks")
  func aligned() {
    #expect(
      models.description == """
        MODEL                 PARAMETERS  CACHED
        dinov2_vits14         22,056,576  yes
        dinov2_vitg14_reg  1,136,486,912
        """)
  }

  @Test("wide letters take two columns")
  func wideLetters() {
    var table = TextTable([.left("FILE"), .right("N")])
    table.append(["画像.jpg", "1"])
    table.append(["a.jpg", "20"])

    #expect(
      table.description == """
        FILE       N
        画像.jpg   1
        a.jpg     20
        """)
  }

  @Test("without headings there is no line for them")
  func noHeadings() {
    var table = TextTable([.left(""), .right("")])
    table.append(["images", "12"])
    table.append(["seconds", "3.5", "left off"])

    #expect(table.description == "images    12\nseconds  3.5")
  }

  @Test("headings are bold on a terminal only")
  func boldHeadings() {
    var table = TextTable([.left("A"), .left("B")])
    table.append(["1", "2"])
    let shown = Terminal(isTerminal: true, descriptor: -1) { _ in nil }
    let piped = Terminal(isTerminal: false, descriptor: -1) { _ in nil }

    #expect(table.rendered(for: shown) == "\u{1B}[1mA  B\u{1B}[0m\n1  2")
    #expect(table.rendered(for: piped) == "A  B\n1  2")
  }

  @Test("a cell cannot break its line")
  func controlCharacters() {
    var table = TextTable([.left("A")])
    table.append(["x\ny"])

    #expect(table.description == "A\nx\u{FFFD}y")
  }

  @Test("an empty table shows its headings")
  func empty() {
    #expect(TextTable([.left("A"), .right("BC")]).description == "A  BC")
  }
}
