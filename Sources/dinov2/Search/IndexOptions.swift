import ArgumentParser
import DINOCuration

/// Which approximate index is made, and how.
struct IndexOptions: ParsableArguments {
  /// A kind of index, or none.
  enum Kind: String, CaseIterable, ExpressibleByArgument {
    case exact
    case ivf
    case ivfPQ = "ivf-pq"
    case hnsw
  }

  @Option(
    help: ArgumentHelp(
      "How rows are found: exact (all are compared), ivf (inverted file), ivf-pq (with rows coded in "
        + "few bytes), hnsw (graph).", valueName: "type"))
  var indexType: Kind?

  @Option(help: "Lists of ivf and ivf-pq; four times the square root of the rows if left out.")
  var lists: Int?

  @Option(help: "Bytes of a row of ivf-pq, a divisor of its values; an eighth of them if left out.")
  var codeBytes: Int?

  @Option(help: "Links of a row of hnsw; 32 if left out.")
  var links: Int?

  @Option(help: "The share of the ten nearest rows that a search shall find; 0.95 if left out.")
  var recall: Double?

  func validate() throws {
    let kinds: [(name: String, isGiven: Bool, kinds: [Kind])] = [
      ("--lists", lists != nil, [.ivf, .ivfPQ]), ("--code-bytes", codeBytes != nil, [.ivfPQ]),
      ("--links", links != nil, [.hnsw]), ("--recall", recall != nil, [.ivf, .ivfPQ, .hnsw]),
    ]
    for option in kinds where option.isGiven {
      guard let indexType, option.kinds.contains(indexType) else {
        let names = option.kinds.map(\.rawValue).joined(separator: " or ")
        throw ValidationError("\(option.name) needs --index-type \(names).")
      }
    }
  }

  /// The recipe of the index; nil if none is asked for, or an exact search.
  var recipe: IndexRecipe? {
    guard let kind = indexType.flatMap({ IndexRecipe.Kind(rawValue: $0.rawValue) }) else {
      return nil
    }
    var recipe = IndexRecipe(kind)
    recipe.lists = lists
    recipe.codeBytes = codeBytes
    if let links { recipe.links = links }
    if let recall { recipe.recall = recall }
    return recipe
  }

  /// What becomes of the index of a gallery.
  var choice: GalleryUpdate.IndexChoice {
    if let recipe { return .made(recipe) }
    return indexType == .exact ? .none : .asBefore
  }
}
