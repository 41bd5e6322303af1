import DINOTestSupport
import DINOTraining
import Foundation
import Glibc
import Telemetry
import Testing

@Suite("MetricsLog")
struct MetricsLogTests {
  private let folder: TemporaryFolder
  private var path: String { folder.file("metrics.jsonl") }

  init() throws { folder = try TemporaryFolder() }

  private func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  private func counts(_ cut: MetricsLog.Cut) -> [Int] { [cut.kept, cut.dropped] }

  private func fill(_ iterations: some Sequence<Int>) throws {
    let log = try MetricsLog(path: path)
    for iteration in iterations {
      try log.append(iteration: iteration, [("loss", .number(1 / Double(iteration)))])
    }
  }

  @Test("each line is an object whose keys keep their order, there as soon as it was added")
  func lines() throws {
    let log = try MetricsLog(path: path)

    try log.append(iteration: 1, [("z", 0.5), ("a", .integer(2)), ("name", "x\ny")])
    #expect(try text() == #"{"iteration":1,"z":0.5,"a":2,"name":"x\ny"}"# + "\n")
    try log.append(iteration: 2, [("loss", .number(.nan))])
    try log.flush()

    #expect(
      try text() == #"{"iteration":1,"z":0.5,"a":2,"name":"x\ny"}"# + "\n"
        + #"{"iteration":2,"loss":null}"# + "\n")
  }

  @Test("opening a log adds to what it holds")
  func appending() throws {
    try fill([1, 2])
    try fill([3])

    #expect(try text().split(separator: "\n").count == 3)
  }

  @Test("lines of several threads do not mix")
  func threads() async throws {
    let log = try MetricsLog(path: path)
    let long = String(repeating: "x", count: 5000)

    await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<200 {
        group.addTask { try log.append(iteration: number, [("text", .string(long))]) }
      }
    }

    let lines = try text().split(separator: "\n")
    let iterations = try lines.map { line -> Int in
      let object = try JSONDecoder().decode(JSONValue.self, from: Data(line.utf8))
      #expect(object["text"] == .string(long))
      guard case .integer(let iteration) = object["iteration"] else { return -1 }
      return iteration
    }
    #expect(iterations.sorted() == Array(0..<200))
  }

  @Test("cutting drops later iterations and a torn last line", arguments: [0, 1, 17, 40, 99])
  func cutting(iteration: Int) throws {
    try fill(1...40)
    let whole = try text()
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(#"{"iteration":1,"loss":0."#.utf8))

    let cut = try MetricsLog.cut(path: path, toIteration: iteration)

    let kept = min(iteration, 40)
    #expect(counts(cut) == [kept, 41 - kept])
    let lines = whole.split(separator: "\n").prefix(kept)
    #expect(try text() == lines.map { $0 + "\n" }.joined())
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["metrics.jsonl"])
  }

  @Test("an iteration that was logged twice and lines of something else are sorted out")
  func mixed() throws {
    try folder.write(
      "metrics.jsonl",
      Array(
        """
        {"iteration":1,"x":1}
        {"iteration":5,"x":2}
        garbage
        {"iteration":3,"x":3}
        {"step":3}
        {"iteration":"3"}

        {"iteration":4,"x":4}

        """.utf8))

    let cut = try MetricsLog.cut(path: path, toIteration: 4)

    #expect(counts(cut) == [3, 5])
    #expect(
      try text() == """
        {"iteration":1,"x":1}
        {"iteration":3,"x":3}
        {"iteration":4,"x":4}

        """)
  }

  @Test("a whole line without its end is torn: nobody knows whether its last number is whole")
  func withoutEnd() throws {
    try folder.write("metrics.jsonl", Array(#"{"iteration":1}"#.utf8))

    #expect(try counts(MetricsLog.cut(path: path, toIteration: 9)) == [0, 1])
    #expect(try text().isEmpty)
  }

  @Test("a log that needs no cut is left alone, and none is an empty one")
  func untouched() throws {
    #expect(try counts(MetricsLog.cut(path: path, toIteration: 9)) == [0, 0])
    try fill(1...3)
    let before = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int

    try MetricsLog.cut(path: path, toIteration: 3)

    let after = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
    #expect(before == after)
  }

  @Test("a cut that stops or fails at any operation leaves the old log or the new one")
  func faults() throws {
    for code in [0, EIO] {
      var number = 0
      while true {
        try? FileManager.default.removeItem(atPath: path)
        try fill(1...6)
        let old = try text()
        let new = old.split(separator: "\n").prefix(4).map { $0 + "\n" }.joined()
        let files = FaultyFiles(
          code == 0 ? .stop(before: number) : .fail(at: number, code: code))
        let cut = try? MetricsLog.cut(path: path, toIteration: 4, files: files)

        let found = try text()
        #expect(found == new || (found == old && cut == nil), "operation \(number)")
        guard files.hasHappened else { break }
        number += 1
      }
      #expect(number >= 6)
    }
  }

  @Test("a log that cannot be opened is an error that names it")
  func unusable() throws {
    let error = #expect(throws: RunError.self) { try MetricsLog(path: folder.file("none/x")) }

    #expect("\(try #require(error))".contains("none/x: cannot be opened: "))
    #expect("\(try #require(error))".contains("(ENOENT)"))
  }
}
