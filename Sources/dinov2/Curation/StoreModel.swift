import DINOCuration
import DINOInference
import DINOModels
import Imaging
import Telemetry

/// A model, and how the images of a store are described by it.
struct StoreModel {
  let model: DINOv2
  let settings: StoreSettings

  /// Loads a model and says how it describes images.
  static func load(
    _ request: ModelRequest, pooling: DescriptorRecipe.Pooling, _ options: PreprocessingOptions,
    precision: EmbeddingStore.Precision, shardImages: Int
  ) async throws -> StoreModel {
    let model = try await DINOv2.load(request)
    let probe = try await ModelProbe(model)
    let description = GallerySettings(
      .init(request, name: model.name, probe: probe), DescriptorRecipe(pooling),
      try options.preprocessing(for: model), appliesOrientation: options.exif,
      embedDim: model.config.embedDim)
    return StoreModel(
      model: model,
      settings: StoreSettings(description, precision: precision, shardImages: shardImages))
  }
}

/// Tells how far the embedding of a store is.
final class EmbeddingDisplay {
  private let show: (StoreEmbedding.Event) -> Void

  /// Shows events on a progress line.
  init(_ progress: ProgressReporter) {
    var done = 0
    show = { event in
      switch event {
      case .resumed(let count):
        done += count
        progress.resume(at: done)
      case .advanced(let count):
        done += count
        progress.advance(by: count)
      case .failed(let reason): progress.warn("left out \(reason)")
      case .waiting(let shards):
        progress.note(
          "waiting for \(shards) shard\(shards == 1 ? "" : "s") that other processes work on")
      }
    }
  }

  func callAsFunction(_ event: StoreEmbedding.Event) { show(event) }
}
