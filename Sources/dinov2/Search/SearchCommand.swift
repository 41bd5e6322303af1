import ArgumentParser

/// `dinov2 search`: images that show the same thing.
struct SearchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search",
    abstract: "Find images of the same thing in a folder of described images.",
    discussion: """
      'build' describes images once and keeps their descriptors in a folder, the index; 'query' finds the \
      images that are most similar to others; 'evaluate' measures how well that works.

      Example: dinov2 search build photos/ --index photos.index && dinov2 search query a.jpg --index \
      photos.index
      """,
    subcommands: [SearchBuild.self, SearchQuery.self, SearchEvaluate.self, SearchNearest.self])
}

/// `dinov2 search evaluate`: the same as `dinov2 evaluate retrieval`.
struct SearchEvaluate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure how well images of the same thing are found.",
    discussion: "The same as 'dinov2 evaluate retrieval'. " + RetrievalProtocol.discussion + """


      Example: dinov2 search evaluate --data grocery-retrieval --json
      """)

  @OptionGroup var measurement: RetrievalProtocol

  func run() async throws { try await measurement.run() }
}
