internal import CFaiss
internal import CheckpointFormats
internal import Torch

/// An approximate index over the rows of a matrix, by Faiss.
///
/// It sorts out; the rows that it finds are compared exactly, so that similarities are those of
/// ``CosineSearch`` and only rows can be missed. The same rows and recipe make the same index, whatever
/// the number of threads.
///
/// Source: Johnson, Douze, Jégou, 2017 (Faiss).
@safe public final class ApproximateIndex: @unchecked Sendable {
  // Faiss's searches do not change an index, and nothing else does once it is made.
  private let handle: OpaquePointer
  /// What the index holds.
  public var facts: Facts {
    let facts = unsafe cf_index_facts(handle)
    return Facts(
      rows: Int(facts.rows), columns: Int(facts.columns), lists: Int(facts.lists),
      codeBytes: Int(facts.code_size), links: Int(facts.links))
  }

  /// What an index holds.
  public struct Facts: Sendable, Equatable, CustomStringConvertible {
    /// The number of rows.
    public let rows: Int
    /// The number of values of a row.
    public let columns: Int
    /// The number of lists; 0 for a graph.
    public let lists: Int
    /// The bytes of a coded row; 0 for whole rows.
    public let codeBytes: Int
    /// The links of a row; 0 for an inverted file.
    public let links: Int

    /// For example `1024 lists, rows in 48 bytes`.
    public var description: String {
      if links > 0 { return "graph with \(links) links a row" }
      return "\(lists) lists" + (codeBytes > 0 ? ", rows in \(codeBytes) bytes" : "")
    }
  }

  /// How many lists a search looks through, or rows it keeps on its way, until recall suffices.
  public struct Tuning: Sendable, Equatable, Codable, CustomStringConvertible {
    /// The effort.
    public var effort: Int
    /// The share of the ten nearest other rows that is found with it, on a sample of rows.
    public var recall: Double

    /// For example `effort 8 finds 96.1 % of the 10 nearest`.
    public var description: String {
      let share = (recall * 1000).rounded(.down) / 10
      return "effort \(effort) finds \(share) % of the \(ApproximateIndex.judged) nearest"
    }
  }

  /// Makes an index.
  ///
  /// - Parameters:
  ///   - matrix: `[N, D]`; rows count by their direction.
  ///   - recipe: What kind of index.
  /// - Throws: ``CurationError`` if there are too few rows for it, or too little memory.
  public convenience init(_ matrix: EmbeddingMatrix, _ recipe: IndexRecipe) throws(CurationError) {
    try recipe.check()
    guard matrix.rowCount > 0 else { throw .usage(problem: "there is no row to index") }
    let codeSize = try recipe.codeSize(columns: matrix.columns)
    // A code has 256 values, each the mean of some rows.
    guard codeSize == 0 || matrix.rowCount >= 256 else {
      throw .usage(
        problem: "ivf-pq needs at least 256 rows, there are \(matrix.rowCount); take ivf or exact")
    }
    let columns = Int64(matrix.columns)
    switch recipe.kind {
    case .ivf, .ivfPQ:
      let centroids = try Self.centroids(of: matrix, recipe)
      unsafe try self.init { made, message in
        unsafe cf_inverted_file(
          columns, Int64(centroids.count / matrix.columns), centroids, Int64(codeSize), made,
          message)
      }
    case .hnsw:
      unsafe try self.init { made, message in
        unsafe cf_graph(columns, Int64(recipe.links), 2 * Int64(recipe.links), made, message)
      }
    }
    try fill(with: matrix, codeSize: codeSize, seed: recipe.seed)
  }

  /// Reads an index that ``write(to:)`` wrote.
  ///
  /// - Parameter file: Bytes that are known to be as they were written: Faiss trusts what it reads.
  /// - Throws: ``CurationError/index(problem:)`` if they hold no index of these kinds.
  convenience init(_ file: FileBytes) throws(CurationError) {
    let buffer = unsafe file.buffer
    unsafe try self.init { made, message in
      unsafe cf_read(buffer.baseAddress, buffer.count, made, message)
    }
  }

  private init(
    _ make: (UnsafeMutablePointer<OpaquePointer?>, cf_message) -> cf_status
  ) throws(CurationError) {
    var made: OpaquePointer?
    unsafe try Self.call { message in unsafe make(&made, message) }
    guard let made = unsafe made else { throw .index(problem: "nothing was made") }
    unsafe handle = made
  }

  deinit { unsafe cf_free(handle) }

  /// Writes the index as Faiss does; the file appears when it is complete.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``CurationError`` if it cannot be written.
  func write(to path: String) throws(CurationError) {
    try CurationError.files { () throws(CheckpointError) in
      let target = Target(try AtomicFile(path: path))
      let status = unsafe cf_write(
        handle,
        { context, bytes, count in
          guard let context = unsafe context else { return false }
          let target = unsafe Unmanaged<Target>.fromOpaque(context).takeUnretainedValue()
          return unsafe target.take(UnsafeRawBufferPointer(start: bytes, count: count))
        }, Unmanaged.passUnretained(target).toOpaque(), cf_message(text: nil, capacity: 0))
      if let failure = target.failure { throw failure }
      guard status == CF_OK else { throw .file(path: path, problem: "cannot be written by Faiss") }
      try target.file.commit()
    }
  }

  /// Where the bytes of an index go.
  private final class Target {
    let file: AtomicFile
    private(set) var failure: CheckpointError?

    init(_ file: AtomicFile) { self.file = file }

    func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
      do throws(CheckpointError) { unsafe try file.write(bytes) } catch { failure = error }
      return failure == nil
    }
  }

  /// The nearest of the rows that a search comes across, most similar first.
  ///
  /// - Parameters:
  ///   - queries: `[Q, D]`.
  ///   - matrix: The rows that the index was made of.
  ///   - count: How many rows, at least 1; fewer are found if the effort does not reach as far.
  ///   - effort: How many lists are looked through, or rows kept on the way through a graph.
  /// - Returns: For each query the rows, with their exact similarities.
  /// - Throws: ``CurationError`` if widths differ or memory is short.
  public func nearest(
    to queries: EmbeddingMatrix, in matrix: EmbeddingMatrix, count: Int, effort: Int
  ) throws(CurationError) -> [[Neighbour]] {
    try matrix.checkWidth(of: queries)
    guard matrix.rowCount == facts.rows, matrix.columns == facts.columns else {
      throw .index(
        problem: "it was made of \(facts.rows) rows of \(facts.columns) values, here are "
          + "\(matrix.rowCount) of \(matrix.columns)")
    }
    guard count >= 1 else {
      throw .usage(problem: "\(count) neighbours were asked for; at least 1 is needed")
    }
    // Codes are coarse: more rows are taken, and the exact comparison chooses among them.
    let taken = min(facts.codeBytes > 0 ? 8 * count + 32 : count, facts.rows)
    let exact = try ExactCosines(matrix)
    var result: [[Neighbour]] = []
    result.reserveCapacity(queries.rowCount)
    for block in RowBlocks(count: queries.rowCount, size: 1024) {
      let candidates = try candidates(of: queries, block, count: taken, effort: max(effort, 1))
      let stored = try RowCopy(block, columns: queries.columns, as: .float32) {
        part throws(CurationError) in try queries.storedBlock(part)
      }
      for index in 0..<block.count {
        var found: [Neighbour] = []
        let rows = candidates[(index * taken)..<((index + 1) * taken)].filter { $0 >= 0 }
        unsafe try exact.forEach(
          stored.row(index), factor: queries.inverseNorms[block.lowerBound + index],
          rows: rows.map { Int32(truncatingIfNeeded: $0) }
        ) { row, similarity in found.append(Neighbour(row: row, similarity: similarity)) }
        found.sort { $0.precedes($1) }
        result.append(Array(found.prefix(count)))
      }
    }
    return result
  }

  /// The least effort, in powers of two, that finds enough of the nearest rows.
  ///
  /// - Parameters:
  ///   - matrix: The rows that the index was made of.
  ///   - recipe: Its recipe, which names the recall.
  ///   - fixed: An effort whose recall is measured in place of a search for one.
  /// - Returns: The effort, and the recall that was measured with it.
  /// - Throws: ``CurationError`` if memory is short.
  public func tuned(
    for matrix: EmbeddingMatrix, _ recipe: IndexRecipe, effort fixed: Int? = nil
  ) throws(CurationError) -> Tuning {
    var random = CounterRandom(seed: recipe.seed, stream: Purpose.sample.rawValue)
    let sample = random.choose(512, of: Array(0..<matrix.rowCount)).sorted()
    let queries = try matrix.selecting(sample)
    let exact = try CosineSearch(matrix).nearest(to: queries, count: Self.judged + 1)
    let most = facts.links > 0 ? min(max(facts.rows, 1), 8192) : facts.lists
    var effort = fixed ?? min(facts.links > 0 ? 16 : 1, most)
    while true {
      let found = try nearest(
        to: queries, in: matrix, count: Self.judged + 1, effort: effort)
      var (hits, wanted) = (0, 0)
      for (index, row) in sample.enumerated() {
        let truth = exact[index].map(\.row).filter { $0 != row }.prefix(Self.judged)
        hits += Set(truth).intersection(found[index].map(\.row)).count
        wanted += truth.count
      }
      let recall = wanted > 0 ? Double(hits) / Double(wanted) : 1
      guard fixed == nil, recall < recipe.recall, effort < most else {
        return Tuning(effort: effort, recall: recall)
      }
      effort = min(2 * effort, most)
    }
  }

  /// The number of nearest rows by which recall is measured.
  public static let judged = 10

  private enum Purpose: UInt64 {
    case centroids = 0x6978_0001
    case codes = 0x6978_0002
    case sample = 0x6978_0003
  }

  private func candidates(
    of queries: EmbeddingMatrix, _ block: Range<Int>, count: Int, effort: Int
  ) throws(CurationError) -> [Int64] {
    let rows = try queries.unitBlock(block)
    var products = [Float](repeating: 0, count: block.count * count)
    var found = [Int64](repeating: -1, count: block.count * count)
    let effort = facts.links > 0 ? max(effort, count) : effort
    let values = try CurationError.tensors(rows.floats)
    unsafe try Self.call { message in
      unsafe cf_search(
        handle, Int64(block.count), values, Int64(count), Int64(effort), &products, &found, message)
    }
    return found
  }

  /// Learns codes and adds all rows.
  private func fill(
    with matrix: EmbeddingMatrix, codeSize: Int, seed: UInt64
  ) throws(CurationError) {
    // One thread adds: several would build another graph each time.
    let threads = TorchRuntime.threadCount
    TorchRuntime.threadCount = 1
    defer { TorchRuntime.threadCount = threads }
    var random = CounterRandom(seed: seed, stream: Purpose.codes.rawValue)
    let examples =
      codeSize > 0 ? random.choose(16_384, of: Array(0..<matrix.rowCount)).sorted() : []
    let sample = try matrix.selecting(examples)
    let values = try CurationError.tensors(try sample.unitBlock(0..<sample.rowCount).floats)
    unsafe try Self.call { message in
      unsafe cf_train(handle, Int64(sample.rowCount), values, message)
    }
    for block in RowBlocks(count: matrix.rowCount, size: 16_384) {
      let values = try CurationError.tensors(try matrix.unitBlock(block).floats)
      unsafe try Self.call { message in unsafe cf_add(handle, Int64(block.count), values, message) }
    }
  }

  /// The centroids of an inverted file, learned from a part of the rows.
  private static func centroids(
    of matrix: EmbeddingMatrix, _ recipe: IndexRecipe
  ) throws(CurationError) -> [Float] {
    let count = recipe.listCount(rows: matrix.rowCount)
    guard count <= matrix.rowCount else {
      throw .usage(
        problem: "\(count) lists of \(matrix.rowCount) rows were asked for; at most one per row")
    }
    var random = CounterRandom(seed: recipe.seed, stream: Purpose.centroids.rawValue)
    let sample = random.choose(128 * count, of: Array(0..<matrix.rowCount)).sorted()
    var clustering = KMeans(clusters: count)
    clustering.isSpherical = true
    clustering.usesRandomSeeds = true
    clustering.iterations = 10
    clustering.seed = recipe.seed
    return try clustering(matrix.selecting(sample)).centroids.values.map { Float($0) }
  }

  private static func call(_ body: (cf_message) -> cf_status) throws(CurationError) {
    var text = [CChar](repeating: 0, count: 1024)
    let status = unsafe text.withUnsafeMutableBufferPointer { buffer in
      unsafe body(cf_message(text: buffer.baseAddress, capacity: buffer.count))
    }
    guard status != CF_OK else { return }
    let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    throw .index(problem: String(decoding: bytes, as: UTF8.self))
  }
}
