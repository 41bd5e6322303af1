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
      reports the median time of one, files read before. With --index-type an approximate index is made \
      first, its time and recall are reported, too, and places without a row hold -1.

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

  @OptionGroup(title: "Approximate index") var indexOptions: IndexOptions

  @Option(help: "How much of the index is looked at; as much as --recall needs if left out.")
  var effort: Int?

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
    guard effort == nil || indexOptions.recipe != nil else {
      throw ValidationError("--effort needs --index-type ivf, ivf-pq or hnsw.")
    }
    guard (1...1_048_576).contains(effort ?? 1) else {
      throw ValidationError("--effort is \(effort ?? 0); expected 1 to 1048576.")
    }
    guard output?.hasSuffix(".npy") ?? true else {
      throw ValidationError("--output is \(output ?? ""); expected a name that ends in .npy.")
    }
  }

  func run() async throws {
    if let threads { TorchRuntime.threadCount = threads }
    let matrix = try EmbeddingFile(path: pool).matrix
    let asked = try queries.map { try EmbeddingFile(path: $0).matrix }
    let clock = ContinuousClock()
    let index = try indexOptions.recipe.map { try Index(matrix, $0, effort: effort) }
    func find() throws -> Found {
      guard let index else {
        let search = CosineSearch(matrix)
        return Found(
          try asked.map { try search.nearest(to: $0, count: count) }
            ?? search.neighbours(count: count))
      }
      return Found(
        try index.rows.nearest(
          to: asked ?? matrix, in: matrix, count: asked == nil ? count + 1 : count,
          effort: index.tuning.effort), count: count, excludesSelf: asked == nil)
    }
    var seconds: [Double] = []
    var found: Found?
    for _ in 0..<runs {
      let start = clock.now
      found = try find()
      seconds.append((clock.now - start) / .seconds(1))
    }
    guard let found else { return }
    if let output { try write(found, to: output) }
    let median = seconds.sorted()[seconds.count / 2]
    if json {
      var fields: [(String, JSONField)] = [
        ("queries", .integer(found.queryCount)), ("rows", .integer(matrix.rowCount)),
        ("columns", .integer(matrix.columns)), ("k", .integer(found.count)),
        ("threads", .integer(TorchRuntime.threadCount)), ("runs", .integer(runs)),
        ("median_s", .number(median)),
        ("peak_rss_mb", .number(Double(TorchRuntime.peakResidentBytes) / 1e6)),
      ]
      if let index {
        fields += [
          ("build_s", .number(index.seconds)), ("effort", .integer(index.tuning.effort)),
          ("recall", .number(index.tuning.recall)),
        ]
      }
      return Console.print(JSONField.object(fields))
    }
    if let index {
      Console.print(
        "\(index.rows.facts); \(index.tuning); built in "
          + "\(NumberFormat.fixed(index.seconds, decimals: 3)) s")
    }
    let counts = [found.queryCount, matrix.rowCount].map { NumberFormat.grouped($0) }
    Console.print(
      "\(counts[0]) × \(counts[1]) rows, \(found.count) nearest each: "
        + "\(NumberFormat.fixed(median, decimals: 3)) s")
  }

  /// An approximate index that was made for the search.
  private struct Index {
    let rows: ApproximateIndex
    let seconds: Double
    let tuning: ApproximateIndex.Tuning

    init(_ matrix: EmbeddingMatrix, _ recipe: IndexRecipe, effort: Int?) throws {
      let start = ContinuousClock.now
      rows = try ApproximateIndex(matrix, recipe)
      seconds = (ContinuousClock.now - start) / .seconds(1)
      tuning = try rows.tuned(for: matrix, recipe, effort: effort)
    }
  }

  /// What was found, as it is written.
  private struct Found {
    var queryCount: Int
    var count: Int
    var rows: [Int]
    var similarities: [Float]

    init(_ table: NeighbourTable) {
      (queryCount, count) = (table.queryCount, table.neighbourCount)
      (rows, similarities) = (table.rows, table.similarities)
    }

    /// Lists of which some may be too short.
    init(_ lists: [[Neighbour]], count: Int, excludesSelf: Bool) {
      (queryCount, self.count) = (lists.count, count)
      (rows, similarities) = ([], [])
      for (query, list) in lists.enumerated() {
        let others = list.filter { !excludesSelf || $0.row != query }.prefix(count)
        let missing = count - others.count
        rows += others.map(\.row) + [Int](repeating: -1, count: missing)
        similarities += others.map(\.similarity) + [Float](repeating: -1, count: missing)
      }
    }
  }

  private func write(_ found: Found, to path: String) throws {
    let shape = [found.queryCount, found.count]
    try Npy.write(StoredTensor(integers: found.rows, shape: shape), to: path)
    try Npy.write(
      StoredTensor(floats: found.similarities, shape: shape),
      to: path.dropLast(4) + ".similarities.npy")
  }
}
