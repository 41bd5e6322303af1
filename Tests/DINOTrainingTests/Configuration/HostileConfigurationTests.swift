import DINOTestSupport
import DINOTraining
import Testing

@Suite("Hostile configurations")
struct HostileConfigurationTests {
  private func refusal(_ yaml: String) -> String {
    problems { try TrainingConfig(yaml: yaml, name: "a.yaml") }.joined(separator: "; ")
  }

  @Test("a key that is given twice is refused with its line")
  func duplicateKey() {
    let text = refusal("optim:\n  epochs: 3\n  epochs: 4\n")
    #expect(text.hasPrefix("a.yaml:2: given twice: epochs"))
  }

  @Test(
    "anchors and aliases are refused before anything is expanded",
    arguments: [
      "a: &a [x, x]\nb: &b [*a, *a]\n", "optim: &o\n  epochs: 3\n", "train: {seed: *x}\n",
      "? &k a\n: 1\n", "- &x 1\n", "\"#\": [\"\n# \", &a b]\n", "optim:\n  <<: *defaults\n",
    ])
  func anchors(_ yaml: String) {
    #expect(refusal(yaml).contains("anchors and aliases are refused"))
  }

  @Test("an alias bomb in an override is refused")
  func aliasInOverride() {
    #expect(problems { try TrainingConfig.load(overrides: ["train.seed=*x"]) }.count == 1)
  }

  @Test(
    "what is no mapping is refused",
    arguments: [
      "[1, 2]\n", "text\n", "a: b: c\n", "a: [\n", "a: 1\n---\nb: 2\n", "\u{1}: 2\n", "%",
    ])
  func noMapping(_ yaml: String) {
    #expect(refusal(yaml).hasPrefix("a.yaml"))
  }

  @Test("keys that are no names are refused")
  func complexKey() {
    #expect(refusal("? [a, b]\n: 1\n").contains("a key is a list of 2, expected a name"))
  }

  @Test("deep nesting is refused, not followed", arguments: ["[", "{a: ", "- ", "? "])
  func deepNesting(_ opening: String) {
    #expect(!refusal(String(repeating: opening, count: 100_000)).isEmpty)
  }

  @Test("a file of more than 1 MB is refused")
  func tooLarge() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("a.yaml", Array(repeating: UInt8(ascii: "#"), count: 1_000_001))
    let fits = try folder.write("b.yaml", Array(repeating: UInt8(ascii: "#"), count: 1_000_000))

    #expect(problems { try TrainingConfig.load(file: file) }.first?.contains("1 MB") == true)
    #expect(try TrainingConfig.load(file: fits) == TrainingConfig())
  }

  @Test("an endless file is not read to its end")
  func endless() {
    #expect(problems { try TrainingConfig.load(file: "/dev/zero") }.count == 1)
  }

  @Test("what is no text is refused")
  func noText() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("a.yaml", [0x61, 0xFF, 0xFE, 0x3A])

    #expect(problems { try TrainingConfig.load(file: file) }.first?.contains("no UTF-8") == true)
  }

  @Test("a file that is not there is named")
  func missingFile() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("none.yaml")

    #expect(
      problems { try TrainingConfig.load(file: path) }
        == ["\(path): there is no such configuration file"])
  }

  @Test("a folder in place of a file is refused")
  func folder() throws {
    let folder = try TemporaryFolder()
    #expect(
      problems { try TrainingConfig.load(file: folder.path) }.first?.contains("a folder") == true)
  }

  @Test("a damaged file is read or refused, and never anything else", arguments: 0..<20)
  func damaged(seed: Int) throws {
    let whole = Array(TrainingPreset.vitl14.config.yaml.utf8)
    let marks = Array("&*?:-[]{},#'\"|>%@!\\ \n\t~0".utf8)
    var bits = UInt64(seed)
    func random(_ count: Int) -> Int {
      bits = bits &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((bits >> 33) % UInt64(count))
    }
    var refused = 0

    for _ in 0..<50 {
      var bytes = whole
      for _ in 0...random(3) {
        switch random(3) {
        case 0: bytes[random(bytes.count)] = marks[random(marks.count)]
        case 1: bytes.remove(at: random(bytes.count))
        default: bytes.insert(marks[random(marks.count)], at: random(bytes.count))
        }
      }
      do throws(ConfigurationError) {
        let config = try TrainingConfig(yaml: String(decoding: bytes, as: UTF8.self))
        let again = try TrainingConfig(yaml: config.yaml)
        #expect(again == config)
      } catch {
        refused += 1
        #expect(!"\(error)".contains("\n"))
      }
    }
    #expect(refused > 0)
  }
}
