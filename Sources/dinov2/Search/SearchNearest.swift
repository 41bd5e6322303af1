import ArgumentParser
import CheckpointFormats
import DINOCuration
import Foundation
import Telemetry
import Torch

/// `dinov2 search nearest`: the nearest rows of one file of embeddings for each row of another.
struct SearchNearest: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nearest",
    abstract: "Find the nearest rows of one file of embeddings for each row of another.",
    discussion: """
      Files are those of 'dinov2 embed' or any .npy of floating-point rows; nearness is the cosine. \
      OUTPUT.npy gets the rows that were found, int64 [Q, k], nearest first, OUTPUT.similarities.npy their \
      cosines. Without --queries every row is compared with all others. --runs repeats the search and \
      reports the median time of one, files read before.

      Example: dinov2 search nearest pool.npy --queries queries.npy -k 10 --output found.npy
      """)

  @Argument(help: "The embeddings that are searched: .npy or .safetensors.", completion: .file())
  var pool: String

  @Option(
    help: "The embeddings that are looked for; the pool itself if left out.", completion: .file())
  var queries: String?

  @Option(name: .customShort("k"), help: "How many rows are found for each.")
  var count = 10

  @Option(name: .shortAndLong, help: "The result: .npy.", completion: .file())
  var output: String?

  @Option(help: "How often the search is run, to time it.")
  var runs = 1

  @Option(help: "Threads; all cores if left out.")
  var threads: Int?

  @Flag(help: "Print the summary as one JSON object.")
  var json = false

  func validate() throws {
    guard (1...100_000).contains(count) else {
      throw ValidationError("-k is \(count); expected 1 to 100000.")
    }
    guard (1...1000).contains(runs) else {
      throw ValidationError("--runs is \(runs); expected 1 to 1000.")
    }
    guard (1...1024).contains(threads ?? 1) else {
      throw ValidationError("--threads is \(threads ?? 0); expected 1 to 1024.")
    }
    guard output?.hasSuffix(".npy") ?? true else {
      throw ValidationError("--output is \(output ?? ""); expected a name that ends in .npy.")
    }
  }

  func run() async throws {
    if let threads { TorchRuntime.threadCount = threads }
    let matrix = try EmbeddingFile(path: pool).matrix
    let search = CosineSearch(matrix)
    let asked = try queries.map { try EmbeddingFile(path: $0).matrix }
    func find() throws -> NeighbourTable {
      if let asked { return try search.nearest(to: asked, count: count) }
      return try search.neighbours(count: count)
    }
    var seconds: [Double] = []
    var found: NeighbourTable?
    for _ in 0..<runs {
      let start = ContinuousClock.now
      found = try find()
      seconds.append((ContinuousClock.now - start) / .seconds(1))
    }
    guard let found else { return }
    if let output { try write(found, to: output) }
    let median = seconds.sorted()[seconds.count / 2]
    if json {
      let fields: [(String, JSONField)] = [
        ("queries", .integer(found.queryCount)), ("rows", .integer(matrix.rowCount)),
        ("columns", .integer(matrix.columns)), ("k", .integer(found.neighbourCount)),
        ("threads", .integer(TorchRuntime.threadCount)), ("runs", .integer(runs)),
        ("median_s", .number(median)),
        ("peak_rss_mb", .number(Double(TorchRuntime.peakResidentBytes) / 1e6)),
      ]
      return Console.print(JSONField.object(fields))
    }
    let counts = [found.queryCount, matrix.rowCount].map { NumberFormat.grouped($0) }
    Console.print(
      "\(counts[0]) × \(counts[1]) rows, \(found.neighbourCount) nearest each: "
        + "\(NumberFormat.fixed(median, decimals: 3)) s")
  }

  private func write(_ found: NeighbourTable, to path: String) throws {
    let shape = [found.queryCount, found.neighbourCount]
    try Npy.write(StoredTensor(integers: found.rows, shape: shape), to: path)
    try Npy.write(
      StoredTensor(floats: found.similarities, shape: shape),
      to: path.dropLast(4) + ".similarities.npy")
  }
}
