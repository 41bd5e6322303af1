import Telemetry
import Testing

@Suite("Terminal")
struct TerminalTests {
  private func terminal(_ environment: [String: String], isTerminal: Bool = true) -> Terminal {
    Terminal(isTerminal: isTerminal, descriptor: -1) { environment[$0] }
  }

  @Test(
    "styles are the codes of ECMA-48",
    arguments: zip(TextStyle.allCases, ["1", "2", "31", "32", "33"]))
  func styles(style: TextStyle, code: String) {
    #expect(terminal([:]).styled("x", style) == "\u{1B}[\(code)mx\u{1B}[0m")
  }

  @Test("nothing is styled off a terminal, on a dumb one, or with NO_COLOR")
  func noStyles() {
    #expect(terminal([:], isTerminal: false).styled("x", .red) == "x")
    #expect(terminal(["TERM": "dumb"]).styled("x", .red) == "x")
    #expect(terminal(["NO_COLOR": "1"]).styled("x", .red) == "x")
    #expect(terminal(["NO_COLOR": ""]).styled("x", .red) != "x")
    #expect(terminal([:]).styled("", .red).isEmpty)
  }

  @Test("a dumb terminal is not interactive, one without colours is")
  func interactive() {
    #expect(!terminal(["TERM": "dumb"]).isInteractive)
    #expect(!terminal([:], isTerminal: false).isInteractive)
    #expect(terminal(["NO_COLOR": "1"]).isInteractive)
  }

  @Test(
    "the first variable of the locale that is set decides about letters beyond ASCII",
    arguments: [
      (["LANG": "en_US.UTF-8"], true), (["LANG": "C.utf8"], true), ([:], false),
      (["LC_ALL": "C", "LANG": "en_US.UTF-8"], false), (["LC_ALL": "", "LANG": "C.UTF-8"], true),
      (["LC_CTYPE": "POSIX", "LANG": "C.UTF-8"], false),
    ])
  func unicode(environment: [String: String], expected: Bool) {
    #expect(terminal(environment).usesUnicode == expected)
  }

  @Test(
    "the width falls back to COLUMNS and then to 80",
    arguments: [([:], 80), (["COLUMNS": "132"], 132), (["COLUMNS": "wide"], 80)])
  func width(environment: [String: String], expected: Int) {
    #expect(terminal(environment).width == expected)
  }
}
