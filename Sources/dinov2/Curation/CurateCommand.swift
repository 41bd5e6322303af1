import ArgumentParser

/// `dinov2 curate`: from a pool of images to a curated list.
struct CurateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "curate",
    abstract: "Choose images for training: de-duplicate, retrieve, cluster, sample.",
    discussion: """
      A store is a folder with the embeddings of images and what was decided about them; \
      catalogue.sqlite in it holds everything as tables. 'run' does all stages by a configuration; \
      the others do one each. Images are never moved or deleted.

      Example: dinov2 curate embed photos/ --store photos.store
               dinov2 curate dedup --store photos.store --preview pairs.png
               dinov2 curate report --store photos.store
      """,
    subcommands: [
      CurateRun.self, CurateEmbed.self, CurateImport.self, CurateDedup.self, CurateCluster.self,
      CurateRetrieve.self, CurateSample.self, CurateReport.self, CurateCheck.self,
      CurateComponents.self,
    ])
}
