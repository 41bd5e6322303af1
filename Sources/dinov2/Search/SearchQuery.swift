import ArgumentParser
import DINOCuration
import DINOData
import DINOInference
import DINOModels
import Foundation
import Imaging
import Telemetry

/// `dinov2 search query`: the most similar images of an index.
struct SearchQuery: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "query",
    abstract: "Find the images of an index that are most similar to others.",
    discussion: """
      A query is an image file, or the path of an image that is in the index, which may be gone by now. \
      --crop takes a part of the query. The score is the cosine similarity. Where the index has an \
      approximate one, it is searched with the effort that was found to suffice; --exact compares with all \
      images instead. --rerank N orders the first N \
      results anew by how many patches match; scores stay. With --json a list is printed that holds for \
      each query the list of its results.

      Example: dinov2 search query a.jpg --index photos.index --top 5 -o found.png
      """)

  /// A part of an image, `x,y,width,height`.
  struct Part: ExpressibleByArgument {
    let region: Region

    init?(argument: String) {
      let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map {
        Int($0.drop { $0 == " " })
      }
      guard parts.count == 4, let x = parts[0], let y = parts[1], let width = parts[2],
        let height = parts[3], x >= 0, y >= 0, width > 0, height > 0
      else { return nil }
      region = Region(top: y, left: x, height: height, width: width)
    }
  }

  @Argument(help: "Images: files, folders, lists or patterns.", completion: .file())
  var images: [String]

  @Option(
    help: ArgumentHelp("The folder of the index.", valueName: "dir"), completion: .directory)
  var index: String

  @Option(name: [.customLong("top"), .customShort("k")], help: "How many results a query has.")
  var top = 10

  @Option(
    help: ArgumentHelp(
      "The part of the query that counts, in its pixels; for one query.",
      valueName: "x,y,width,height"))
  var crop: Part?

  @Flag(help: "Compare with all images, whatever index there is.")
  var exact = false

  @Option(
    help: "How many lists of an approximate index are looked through, or rows kept in its graph.")
  var effort: Int?

  @Option(help: "Order so many results anew by matching patches.")
  var rerank = 0

  @Option(help: "The shorter side of the images whose patches are matched, in pixels.")
  var rerankSize = 224

  @Option(
    name: .shortAndLong, help: "A picture of queries and results: .png, .jpg or .webp.",
    completion: .file())
  var output: String?

  @Flag(help: "Print the results as JSON.")
  var json = false

  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  func validate() throws {
    guard (1...100_000).contains(top) else {
      throw ValidationError("--top is \(top); expected 1 to 100000.")
    }
    guard (1...1_048_576).contains(effort ?? 1) else {
      throw ValidationError("--effort is \(effort ?? 0); expected 1 to 1048576.")
    }
    guard effort == nil || !exact else {
      throw ValidationError("--effort belongs to an approximate index; leave it or --exact out.")
    }
    guard (0...10_000).contains(rerank) else {
      throw ValidationError("--rerank is \(rerank); expected 0 to 10000.")
    }
    guard (1...4096).contains(rerankSize) else {
      throw ValidationError("--rerank-size is \(rerankSize); expected 1 to 4096.")
    }
    guard crop == nil || images.count == 1 else {
      throw ValidationError("--crop takes one query; \(images.count) are named.")
    }
  }

  func run() async throws {
    if let output { try SearchPicture.check(output) }
    let gallery = try Gallery(index)
    let queries = try SearchedImages(images, gallery, crop?.region)
    let model =
      queries.needsModel || rerank > 0 || !modelOptions.namesNothing
      ? try await IndexFolder.model(modelOptions, gallery.settings) : nil
    if let model {
      let probe = try await ModelProbe(model)
      guard probe.agrees(with: gallery.settings.model.probe) else {
        throw GalleryError.incompatible(
          path: index,
          problem: "was built with \(gallery.settings.model.name), whose features are others than "
            + "those of \(model.name); leave --model out, or build the index anew with it")
      }
    }
    let search = GallerySearch(gallery)
    let descriptors = try await search.describe(queries.queries, with: model)
    let count = max(top, rerank)
    let found =
      exact
      ? try search.exact(descriptors, count: count)
      : try search.nearest(descriptors, count: count, effort: effort)
    var matches = try gallery.matches(found)
    if rerank > 0, let model { matches = try await reranked(matches, queries, model) }
    matches = matches.map { Array($0.prefix(top)) }
    if let output { try SearchPicture.write(queries, matches, to: output) }
    try tell(queries, matches)
  }

  /// The results, the first ones ordered by matching patches.
  private func reranked(
    _ matches: [[Gallery.Match]], _ queries: SearchedImages, _ model: DINOv2
  ) async throws -> [[Gallery.Match]] {
    var preprocessing = Preprocessing(resize: rerankSize, crop: nil)
    preprocessing.patchSize = model.config.patchSize
    let reranking = PatchReranking(preprocessing, decoder: queries.decoder)
    let progress = ProgressReporter.automatic(
      label: "matching patches", total: matches.count,
      unit: .init(singular: "query", plural: "queries"), json: false)
    defer { progress.stop() }
    var result: [[Gallery.Match]] = []
    for (index, found) in matches.enumerated() {
      let first = Array(found.prefix(rerank))
      let scores = try await reranking(first, query: queries.image(index), with: model)
      let order = first.indices.sorted { one, other in
        let (a, b) = (scores[one] ?? -1, scores[other] ?? -1)
        return a > b || (a == b && one < other)
      }
      result.append(order.map { first[$0] } + found.dropFirst(rerank))
      progress.advance()
    }
    return result
  }

  private struct Result: Encodable {
    let path: String
    let score: Float
  }

  private func tell(_ queries: SearchedImages, _ matches: [[Gallery.Match]]) throws {
    if json {
      return try Console.printJSON(
        matches.map { found in
          found.map { Result(path: $0.name.displayName, score: $0.similarity) }
        })
    }
    for (name, found) in zip(queries.names, matches) {
      if queries.names.count > 1 { Console.print("\(name):") }
      for match in found {
        Console.print(
          "  \(NumberFormat.fixed(Double(match.similarity), decimals: 3))  "
            + match.name.displayName)
      }
    }
    if let output { Console.note("picture: \(output)") }
  }
}
