internal import DINOData
internal import Torch

extension ViewTensors {
  /// Takes over a loader's batch.
  init(_ batch: TrainingBatch) throws(TorchError) {
    let (images, global, local) = (batch.imageCount, batch.globalSize, batch.localSize)
    try self.init(
      globalCrops: Tensor(batch.globalCrops, [2 * images, 3, global, global]),
      localCrops: batch.localCount == 0
        ? nil : Tensor(batch.localCrops, [batch.localCount * images, 3, local, local]),
      masks: Tensor(
        batch.masks.masks, [2 * images, batch.masks.masks.count / (2 * images)]),
      maskIndices: Tensor(batch.masks.indices.map(Int64.init)),
      maskWeights: Tensor(batch.masks.weights))
  }
}
