import ArgumentParser
import DINOHub
import Telemetry

/// `dinov2 models pull`: downloads released weights.
struct ModelsPull: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull",
    abstract: "Download the weights of a released model.",
    discussion: """
      Files lie where torch.hub and huggingface_hub keep theirs. An interrupted download goes on. \
      TORCH_HOME, HF_HOME, HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE are honoured; DINOV2_META_URL names \
      a mirror of Meta's server.

      Example: dinov2 models pull dinov2_vits14
      """)

  /// ``WeightSource`` as an argument.
  enum Source: String, CaseIterable, ExpressibleByArgument {
    case meta, hf, timm
  }

  @Argument(help: "The name of a released model: Meta's, Hugging Face's or timm's.")
  var model: String

  @Option(help: "The host; that of the name if left out.")
  var from: Source?

  @Flag(help: "Ask Hugging Face for a newer version.")
  var refresh = false

  @Flag(help: "Print progress as JSON lines.")
  var json = false

  func run() async throws {
    let released = try ModelRegistry.find(model)
    let source: WeightSource =
      switch from {
      case .meta: .meta
      case .hf: .huggingFace
      case .timm: .timm
      case nil: ModelRegistry.source(suggestedBy: model)
      }
    let progress = ProgressReporter.automatic(
      label: released.name, total: nil, unit: .bytes, json: json)
    let hub = ModelHub(settings: .fromProcess())
    do {
      let local = try await hub.pull(released, from: source, refresh: refresh) { event in
        switch event {
        case .started(let file, let bytes, let total):
          progress.begin(file, done: bytes, total: total)
        case .progress(_, let bytes, let total): progress.update(done: bytes, total: total)
        case .waiting(let file): progress.note("another process downloads \(file); waiting for it")
        case .restarted(let file, let reason): progress.warn("\(file) starts again: \(reason)")
        case .retrying(let file, let reason, _): progress.warn("\(file): \(reason); trying again")
        case .verifying, .finished: break
        }
      }
      progress.finish("\(released.name): \(local.path)")
    } catch {
      progress.stop()
      throw error
    }
  }
}
