import DINOCuration
import DINOTraining
import Testing

@Suite("CurationConfig")
struct CurationConfigTests {
  @Test("reads sections, lists of sections and defaults, and writes what it reads")
  func roundTrip() throws {
    let config = try CurationConfig(
      yaml: """
        pool: [photos, "more photos"]
        seeds:
          - name: flowers
            images: [f/a, f/b]
            mode: cluster
            minimum_hits: 2
          - name: cats
            images: [c]
        references:
          - {name: test, images: [t]}
        dedup: {threshold: 0.75}
        sample:
          target: 500
        """)
    #expect(config.pool == ["photos", "more photos"])
    #expect(config.seeds.map(\.name) == ["flowers", "cats"])
    #expect(config.seeds[0].mode == .cluster && config.seeds[0].minimumHits == 2)
    #expect(config.seeds[1].mode == .sample && config.seeds[1].neighbours == 4)
    #expect(config.references[0].images == ["t"])
    #expect(config.dedup.threshold == 0.75 && config.dedup.referenceThreshold == 0.45)
    #expect(config.sample.target == 500)
    #expect(try CurationConfig(yaml: config.yaml) == config)
  }

  @Test(
    "names what is wrong and where",
    arguments: [
      ("pool: []", "pool names no images"),
      ("pool: [a]\ndedup: {treshold: 1}", "did you mean dedup.threshold"),
      ("pool: [a]\ndedup: {threshold: 3}", "-1 to 1"),
      ("pool: [a]\nseeds: [{name: x, images: [b], mode: all}]", "one of sample, cluster, as_is"),
      ("pool: [a]\nseeds: [{name: ../x, images: [b]}]", "letters, digits"),
      ("pool: [a]\nseeds: [{name: x, images: [b]}, {name: x, images: [c]}]", "two sets named"),
      ("pool: [a]\nseeds: [{name: x}]", "names no images"),
      ("pool: [a]\nseeds: {name: x}", "expected a list of sections"),
      ("pool: [a]\npool: [b]", "given twice"),
      ("pool: &a [a]", "anchors"),
      ("pool: [a]\nseed: -1", "expected 0 or more"),
    ])
  func problems(yaml: String, message: String) throws {
    let error = #expect(throws: ConfigurationError.self) { try CurationConfig(yaml: yaml) }
    #expect("\(error.map { "\($0)" } ?? "")".contains(message), "\(error.map { "\($0)" } ?? "")")
  }
}
