internal import DINOModels
internal import Imaging
internal import Torch

/// The forward pass by libtorch: on other devices, and in bfloat16 where the processor has it.
final class TorchEngine: BackboneEngine {
  private let model: VisionTransformer
  private let device: Device
  private let dtype: DType

  var config: VisionTransformerConfig { model.config }
  var summary: String { "libtorch on \(device), \(dtype)" }

  /// Takes over a model whose parameters are on the device and in the dtype already.
  init(_ model: VisionTransformer, device: Device, dtype: DType) {
    self.model = model
    self.device = device
    self.dtype = dtype
  }

  func tokens(
    of images: ImageBatch, after blocks: [Int], normalize: Bool
  ) throws(InferenceError) -> [TokenBatch] {
    let grid = try grid(of: images)
    do {
      return try withInferenceMode { () throws(TorchError) in
        let pixels = try Tensor(
          images.values, [images.count, images.channels, images.size.height, images.size.width]
        ).to(dtype: dtype).to(device: device)
        var results: [TokenBatch] = []
        for layer in try model.intermediateLayers(pixels, .listed(blocks), normalize: normalize) {
          results.append(
            TokenBatch(
              values: try layer.normalized.floats(), count: images.count,
              registers: config.numRegisterTokens, grid: grid, width: config.embedDim))
        }
        return results
      }
    } catch { throw .torch(error) }
  }
}
