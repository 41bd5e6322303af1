import DINOData
import DINOTestSupport
import Imaging
import Testing

@Suite("Decoding references")
struct DecodingTests {
  @Test(
    "decodes shards in order through the pipeline, the same for any number of threads",
    .enabled(if: TestData.folder(named: "caltech101-98") != nil, "needs caltech101-98"))
  func decodesShards() async throws {
    let root = try #require(TestData.folder(named: "caltech101-98"))
    let references = Array(try ImageInputs.expand([root + "/val-*.tar"]).prefix(300))
    var sums: [[Int]] = []
    for threads in [1, 3] {
      let pipeline = OrderedPipeline(references, threads: threads, ahead: 8) { reference in
        try reference.decode().storage.reduce(0) { $0 + Int($1) }
      }
      var sum: [Int] = []
      for await item in pipeline { sum.append(try item.result.get()) }
      sums.append(sum)
    }

    #expect(sums[0].count == references.count)
    #expect(sums[0] == sums[1])
  }

  @Test(
    "goes on after broken files, and calls each of them refused",
    .enabled(if: TestData.folder(named: "robustness") != nil, "needs robustness"))
  func survivesBrokenFiles() async throws {
    let root = try #require(TestData.folder(named: "robustness"))
    let references = try ImageInputs.expand([root + "/made"])
    let pipeline = OrderedPipeline(references, threads: 2, ahead: 4) { try $0.decode().size }
    var failed: [String] = []
    var count = 0
    for await item in pipeline {
      count += 1
      guard case .failure(let error) = item.result else { continue }
      let problem = try #require(error as? DataError)
      #expect(problem.category == .refusedInput, "\(problem)")
      #expect(!problem.description.contains("\n"))
      failed.append(RawPath(bytes: item.input.name.lastComponent).text)
    }

    #expect(count == references.count)
    for name in ["empty.jpg", "text.jpg", "only_magic.png", "html_error_page.png"] {
      #expect(failed.contains(name))
    }
    for name in ["ünïcödé-图像-🐘.jpg", "UPPER CASE and space.JPG", "no_extension", "cmyk.jpg"] {
      #expect(!failed.contains(name))
    }
  }
}
