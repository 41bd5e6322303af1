/// How an approximate index is made.
public struct IndexRecipe: Sendable, Equatable, Codable {
  /// The kinds of indexes.
  public enum Kind: String, CaseIterable, Sendable, Codable {
    /// Rows in lists by the nearest of many centroids; a search looks through some of the lists.
    case ivf
    /// The same with rows coded in few bytes by product quantization (Jégou et al., 2011).
    case ivfPQ = "ivf-pq"
    /// A hierarchical navigable small world (Malkov and Yashunin, 2018): rows linked with rows near them.
    case hnsw
  }

  /// The kind.
  public var kind: Kind
  /// The number of lists of an inverted file; nil for four times the square root of the rows.
  public var lists: Int?
  /// The bytes of a coded row, which divide the number of columns; nil for an eighth of them.
  public var codeBytes: Int?
  /// The links of a row of a graph.
  public var links = 32
  /// The share of the nearest rows that a search shall find.
  public var recall = 0.95
  /// The seed of the centroids and of the rows that recall is measured on.
  public var seed: UInt64 = 0

  /// The defaults of a kind.
  ///
  /// - Parameter kind: The kind.
  public init(_ kind: Kind) { self.kind = kind }

  /// The number of lists for so many rows; Faiss wants 39 rows to learn one from.
  func listCount(rows: Int) -> Int {
    lists ?? max(1, min(Int(4 * Double(rows).squareRoot()), rows / 39))
  }

  /// The bytes of a coded row for so many columns; 0 where rows stay whole.
  func codeSize(columns: Int) throws(CurationError) -> Int {
    guard kind == .ivfPQ else { return 0 }
    let size = codeBytes ?? (1...max(1, columns / 8)).last { columns.isMultiple(of: $0) } ?? 1
    guard size >= 1, columns.isMultiple(of: size) else {
      throw .usage(
        problem: "rows of \(columns) values cannot be coded in \(size) bytes; take a divisor")
    }
    return size
  }

  func check() throws(CurationError) {
    guard lists ?? 1 >= 1, lists ?? 1 <= 1 << 20 else {
      throw .usage(problem: "\(lists ?? 0) lists were asked for; expected 1 to 1048576")
    }
    guard (2...512).contains(links) else {
      throw .usage(problem: "\(links) links were asked for; expected 2 to 512")
    }
    guard recall > 0, recall <= 1 else {
      throw .usage(problem: "a recall of \(recall) was asked for; expected more than 0, at most 1")
    }
  }
}
