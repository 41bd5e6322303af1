import ArgumentParser
import DINOData
import DINOEvaluation
import Telemetry

/// `dinov2 evaluate retrieval`: instance retrieval by cosine similarity.
struct EvaluateRetrieval: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retrieval",
    abstract: "Find images of the same thing by cosine similarity.",
    discussion: RetrievalProtocol.discussion + """


      Example: dinov2 evaluate retrieval --data grocery-retrieval --model dinov2_vits14 --json
      """)

  @OptionGroup var measurement: RetrievalProtocol

  func run() async throws { try await measurement.run() }
}

/// The protocol of `evaluate retrieval` and `search evaluate`.
struct RetrievalProtocol: ParsableArguments {
  static let discussion = """
    Nothing is trained: the gallery is ranked by the cosine of descriptors. mAP is the mean average \
    precision over the queries, mP@k the mean precision among the first k, recall@k the share of queries \
    that find a right image among the first k.

    DIR holds queries.txt and gallery.txt, one path a line below DIR, and ground_truth.json: \
    {query: {"positive": [...], "junk": [...]}}, or {"easy": [...], "hard": [...], "junk": [...]}, with \
    "bbx": [left, top, right, bottom] where only a part of the query counts. Or it holds the files of \
    the revisited Oxford and Paris sets: gnd_roxford5k.pkl and jpg/. For easy and hard positives mAP \
    is reported as mAP_medium (both), mAP_hard and mAP_easy; mAP is then the medium one. labels.tsv \
    beside the lists (file, role, class_id, further ..._id) adds kinds of queries and coarser classes.
    """

  @Option(
    help: ArgumentHelp("The folder of the queries and the gallery.", valueName: "dir"),
    completion: .directory)
  var data: String

  @OptionGroup var options: RetrievalOptions

  func run() async throws {
    let set = try RetrievalSet(folder: RawPath(argument: data))
    let searched = set.gallery.map { RetrievalSet.Item($0) }
    let describer = try await options.describer(of: searched)
    var report = EvaluationReport(
      protocol: "cosine ranking of \(set.gallery.count) images, " + options.text(describer),
      model: describer.model)
    var gallery = try await options.describe(searched, "gallery", by: describer)
    var queries = try await options.describe(set.queries, "queries", by: describer)
    let sets = try await options.whitened([queries, gallery], by: describer)
    (queries, gallery) = (sets[0], sets[1])
    let measurement = try RetrievalMeasurement(
      set, query: queries, gallery: gallery, cuts: options.chosenCuts)
    if let first = measurement.results.first, set.tasks.first?.isRevisited == true {
      report.add("mAP", .number(first.evaluator.mAP))
    }
    for result in measurement.results {
      report.add(result.evaluator, named: result.name, options)
    }
    report.add("queries", .integer(queries.items.count))
    report.add("gallery", .integer(gallery.items.count))
    report.add("left_out", .integer(queries.failures.count + gallery.failures.count))
    report.addSeconds()
    report.print(json: options.json)
  }
}
