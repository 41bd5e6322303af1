import Synchronization
import Telemetry
import Testing

/// Outputs that remember, and a clock that the test moves.
final class Stage: Sendable {
  private struct State {
    var standardOutput = ""
    var standardError = ""
    var now = Duration.zero
    var width = 80
  }
  private let state = Mutex(State())

  var standardOutput: String { state.withLock(\.standardOutput) }
  var standardError: String { state.withLock(\.standardError) }
  func wait(_ duration: Duration) { state.withLock { $0.now += duration } }
  func resize(_ width: Int) { state.withLock { $0.width = width } }

  func output(isTerminal: Bool = true, unicode: Bool = true) -> ProgressOutput {
    let environment = ["LANG": unicode ? "C.UTF-8" : "C", "NO_COLOR": "1"]
    return ProgressOutput(
      standardOutput: OutputSink { text in self.state.withLock { $0.standardOutput += text } },
      standardError: OutputSink { text in self.state.withLock { $0.standardError += text } },
      terminal: Terminal(isTerminal: isTerminal, descriptor: -1) { environment[$0] },
      width: { self.state.withLock(\.width) }, now: { self.state.withLock(\.now) })
  }

  func reporter(
    _ style: ProgressReporter.Style, label: String = "Embedding", total: Int? = 100,
    unit: ProgressUnit = .images
  ) -> ProgressReporter {
    ProgressReporter(label: label, total: total, unit: unit, style: style, output: output())
  }
}

@Suite("ProgressReporter")
struct ProgressReporterTests {
  @Test("a terminal gets one line that is written again, and a summary")
  func line() {
    let stage = Stage()
    let reporter = stage.reporter(.line, total: 1_200)

    stage.wait(.seconds(10))
    reporter.advance(by: 300)
    stage.wait(.seconds(10))
    reporter.advance(by: 300)
    stage.wait(.seconds(20))
    reporter.finish()

    #expect(
      stage.standardError
        == "\rEmbedding ██████░░░░░░░░░░░░░░░░░░  300/1,200  30.0 images/s  30 s left\u{1B}[K"
        + "\rEmbedding ████████████░░░░░░░░░░░░  600/1,200  30.0 images/s  20 s left\u{1B}[K"
        + "\r\u{1B}[KEmbedding: 600 images in 40 s (15.0 images/s)\n")
    #expect(stage.standardOutput.isEmpty)
  }

  @Test("a locale without Unicode gets a bar of ASCII")
  func asciiBar() {
    let stage = Stage()
    let reporter = ProgressReporter(
      label: "Files", total: 4, unit: .files, style: .line, output: stage.output(unicode: false))

    stage.wait(.seconds(1))
    reporter.advance()

    #expect(
      stage.standardError
        == "\rFiles ######..................  1/4  1.00 files/s  3 s left\u{1B}[K")
  }

  @Test(
    "the line never exceeds the terminal: the bar shrinks, goes, then the text is cut",
    arguments: [
      (64, "Embedding ████░░░░░░░░░░░░░░░  25/100  2.50 images/s  30 s left"),
      (51, "Embedding █░░░░░  25/100  2.50 images/s  30 s left"),
      (50, "Embedding 25/100  2.50 images/s  30 s left"),
      (30, "Embedding 25/100  2.50 image…"), (1, ""), (0, ""),
    ])
  func narrow(width: Int, expected: String) {
    let stage = Stage()
    stage.resize(width)
    let reporter = stage.reporter(.line)

    stage.wait(.seconds(10))
    reporter.advance(by: 25)

    #expect(stage.standardError == "\r" + expected + "\u{1B}[K")
  }

  @Test("at most ten updates a second are drawn")
  func limited() {
    let stage = Stage()
    let reporter = stage.reporter(.line, total: 100_000)

    for _ in 0..<2_000 {
      stage.wait(.milliseconds(1))
      reporter.advance()
    }

    #expect(stage.standardError.split(separator: "\r").count == 20)
  }

  @Test("an unknown total shows neither bar nor time left")
  func unknownTotal() {
    let stage = Stage()
    let reporter = stage.reporter(.line, total: nil)

    stage.wait(.seconds(2))
    reporter.advance(by: 5)

    #expect(stage.standardError == "\rEmbedding 5 images  2.50 images/s\u{1B}[K")
  }

  @Test("bytes are shown in their units, and what was there before is no speed")
  func bytes() {
    let stage = Stage()
    let reporter = stage.reporter(.line, label: "dinov2_vits14", total: nil, unit: .bytes)

    reporter.resume(at: 40_000_000)
    stage.wait(.seconds(4))
    reporter.update(done: 48_000_000, total: 88_000_000)
    stage.wait(.seconds(4))
    reporter.finish()

    #expect(
      stage.standardError
        == "\rdinov2_vits14 █████████████░░░░░░░░░░░  48.0 MB/88.0 MB  2.0 MB/s  20 s left\u{1B}[K"
        + "\r\u{1B}[Kdinov2_vits14: 48.0 MB in 8 s (1.0 MB/s)\n")
  }

  @Test("a log gets a line every five seconds and one at the end")
  func plain() {
    let stage = Stage()
    let reporter = stage.reporter(.plain)

    for _ in 0..<12 {
      stage.wait(.seconds(1))
      reporter.advance(by: 2)
    }
    reporter.finish()

    #expect(
      stage.standardError == """
        Embedding: 10/100 (10 %), 2.00 images/s, 45 s left
        Embedding: 20/100 (20 %), 2.00 images/s, 40 s left
        Embedding: 24 images in 12 s (2.00 images/s)

        """)
  }

  @Test("JSON events go to the standard output, one object a line")
  func json() {
    let stage = Stage()
    let reporter = stage.reporter(.json)

    stage.wait(.seconds(2))
    reporter.advance()
    reporter.warn("skipped \"a.jpg\"")
    reporter.note("half way")
    reporter.event("step", ["loss": 0.5, "step": 3])
    reporter.finish()
    reporter.finish()

    #expect(
      stage.standardOutput == """
        {"event":"progress","label":"Embedding","done":0,"total":100,"unit":"images","elapsed_s":0.0,\
        "per_second":null,"left_s":null}
        {"event":"progress","label":"Embedding","done":1,"total":100,"unit":"images","elapsed_s":2.0,\
        "per_second":0.5,"left_s":198.0}
        {"event":"warning","message":"skipped \\"a.jpg\\""}
        {"event":"note","message":"half way"}
        {"event":"step","loss":0.5,"step":3}
        {"event":"done","label":"Embedding","done":1,"total":100,"unit":"images","elapsed_s":2.0,\
        "per_second":0.5}

        """)
    #expect(stage.standardError.isEmpty)
  }

  @Test("the silent style prints warnings only")
  func silent() {
    let stage = Stage()
    let reporter = stage.reporter(.silent)

    stage.wait(.seconds(9))
    reporter.advance(by: 50)
    reporter.note("half way")
    reporter.event("step", ["loss": 1])
    reporter.warn("a.jpg is damaged")
    reporter.finish()

    #expect(stage.standardError == "warning: a.jpg is damaged\n")
    #expect(stage.standardOutput.isEmpty)
  }

  @Test("warnings and notes stand above the line")
  func interruptions() {
    let stage = Stage()
    let reporter = stage.reporter(.line, total: nil)

    reporter.note("reading weights")
    stage.wait(.seconds(1))
    reporter.advance()
    reporter.warn("a\nb.jpg is damaged")

    let line = "\rEmbedding 1 image  1.00 images/s\u{1B}[K"
    #expect(
      stage.standardError == "reading weights\n" + line
        + "\r\u{1B}[Kwarning: a\u{FFFD}b.jpg is damaged\n" + line)
  }

  @Test("work that fails takes its line with it")
  func disappears() {
    let stage = Stage()
    do {
      let reporter = stage.reporter(.line, total: nil)
      stage.wait(.seconds(1))
      reporter.advance()
    }

    #expect(stage.standardError.hasSuffix("images/s\u{1B}[K\r\u{1B}[K"))
  }

  @Test("nothing is drawn after the end")
  func afterTheEnd() {
    let stage = Stage()
    let reporter = stage.reporter(.line)

    reporter.finish("12 images, 1 refused")
    stage.wait(.seconds(5))
    reporter.advance()
    reporter.finish()

    #expect(stage.standardError == "12 images, 1 refused\n")
  }

  @Test("the label can change")
  func relabel() {
    let stage = Stage()
    let reporter = stage.reporter(.line, total: nil)

    stage.wait(.seconds(1))
    reporter.relabel("Writing")

    #expect(stage.standardError == "\rWriting 0 images\u{1B}[K")
  }

  @Test("the next piece of work has a clock and a rate of its own")
  func begin() {
    let stage = Stage()
    let reporter = stage.reporter(.line, label: "a", total: 10, unit: .bytes)
    stage.wait(.seconds(50))
    reporter.update(done: 10)

    reporter.begin("b", done: 1_000, total: 5_000)
    stage.wait(.seconds(2))
    reporter.update(done: 2_000)
    reporter.finish()

    #expect(
      stage.standardError.hasSuffix(
        "\rb █████████░░░░░░░░░░░░░░░  2.0 kB/5.0 kB  500 B/s  6 s left\u{1B}[K"
          + "\r\u{1B}[Kb: 2.0 kB in 2 s (500 B/s)\n"))
  }

  @Test("the style follows the terminal and the flag")
  func automatic() {
    let stage = Stage()
    func style(isTerminal: Bool, json: Bool) -> ProgressReporter.Style {
      ProgressReporter.automatic(
        label: "x", total: nil, unit: .files, json: json,
        output: stage.output(isTerminal: isTerminal)
      ).style
    }

    #expect(style(isTerminal: true, json: false) == .line)
    #expect(style(isTerminal: false, json: false) == .plain)
    #expect(style(isTerminal: true, json: true) == .json)
  }

  @Test("several threads may report at once")
  func threads() async {
    let stage = Stage()
    let reporter = stage.reporter(.line, total: 8_000)

    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<8 {
        group.addTask {
          for step in 0..<1_000 {
            reporter.advance()
            if step % 250 == 0 { reporter.warn("worker \(worker)") }
          }
        }
      }
    }
    stage.wait(.seconds(4))
    reporter.finish()

    #expect(stage.standardError.hasSuffix("Embedding: 8,000 images in 4 s (2,000 images/s)\n"))
    #expect(stage.standardError.split(separator: "warning: worker ").count >= 32)
  }
}
