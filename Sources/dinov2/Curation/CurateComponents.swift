import ArgumentParser
import CheckpointFormats
import DINOCuration
import Telemetry

/// `dinov2 curate components`: the connected components of a graph.
struct CurateComponents: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "components",
    abstract: "Label the connected components of a graph that is given by its edges.",
    discussion: """
      The last step of de-duplication, for graphs that were made elsewhere. Each node gets the smallest \
      number of its component.

      Example: dinov2 curate components edges.npy --output labels.npy
      """)

  @Argument(
    help: "A .npy file of pairs of nodes, [E, 2], whole numbers from 0.", completion: .file())
  var edges: String

  @Option(help: "The number of nodes; one more than the largest if left out.")
  var nodes: Int?

  @Option(name: .shortAndLong, help: "A .npy file for the labels, [N].", completion: .file())
  var output: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let array = try NpyArray.read(edges)
    guard array.shape.count == 2, array.shape[1] == 2 else {
      throw UsageError("\(edges) has shape \(array.shape); pairs of nodes, [E, 2], were expected")
    }
    let pairs = try array.integers()
    let least = (pairs.max() ?? -1) + 1
    let count = nodes ?? least
    guard pairs.allSatisfy({ $0 >= 0 }), (least...4_000_000_000).contains(count) else {
      throw UsageError("\(edges) names nodes up to \(least - 1); --nodes is \(count)")
    }
    let start = ContinuousClock.now
    var sets = DisjointSets(count: count)
    for edge in stride(from: 0, to: pairs.count, by: 2) { sets.join(pairs[edge], pairs[edge + 1]) }
    let labels = sets.labels()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    if let output { try Npy.write(StoredTensor(integers: labels, shape: [count]), to: output) }
    guard json else {
      return Console.print(
        "\(sets.setCount) components of \(count) nodes, \(pairs.count / 2) edges")
    }
    Console.print(
      JSONField.object([
        ("nodes", .integer(count)), ("edges", .integer(pairs.count / 2)),
        ("components", .integer(sets.setCount)),
        ("seconds", .number((seconds * 1000).rounded() / 1000)),
      ]))
  }
}
