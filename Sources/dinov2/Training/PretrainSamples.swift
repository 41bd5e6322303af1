import DINOData
import DINOInference
import DINOModels
import Imaging
import Torch

/// Pictures of what the teacher sees of a few images, always the same ones.
struct PretrainSamples {
  private let preprocessing: Preprocessing
  private let views: [PixelBuffer]

  /// Takes images from all over the data; those that cannot be read are passed over.
  init(_ images: TrainingImages, patchSize: Int, count: Int = 6) {
    var preprocessing = Preprocessing(resize: 16 * patchSize, crop: nil)
    preprocessing.patchSize = patchSize
    self.preprocessing = preprocessing
    let wanted = min(count, images.count)
    views = (0..<wanted).compactMap { index in
      let reference = images.references[index * images.count / wanted]
      return try? preprocessing.crop(reference.decode())
    }
  }

  /// Draws the joint principal components of the images' patches.
  func draw(_ backbone: VisionTransformer) throws -> PixelBuffer {
    let maps = try views.map { try patches(of: $0, backbone) }
    let pca = try PatchPCA.fit(maps)
    var sheet = ContactSheet(cellSize: Size(height: 224, width: 300))
    for (view, map) in zip(views, maps) {
      let colors = try pca.colors(of: map)
      let pictures = [view, try colors.picture(of: view.size), try colors.overlay(on: view)]
      sheet.rows.append(.init(cells: pictures.map { .init($0) }))
    }
    return try sheet.image()
  }

  private func patches(of view: PixelBuffer, _ backbone: VisionTransformer) throws -> PatchMap {
    var values = [Float](repeating: 0, count: 3 * view.height * view.width)
    try unsafe values.withUnsafeMutableBufferPointer { buffer in
      try unsafe preprocessing.normalize(view, into: buffer)
    }
    let tokens = try withoutGradient { () throws(TorchError) in
      try backbone.forwardFeatures(Tensor(values, [1, 3, view.height, view.width])).patchTokens
        .floats()
    }
    let grid = PatchGrid(
      height: view.height / preprocessing.patchSize, width: view.width / preprocessing.patchSize)
    return PatchMap(values: tokens, grid: grid, width: backbone.config.embedDim)
  }
}
