internal import DINOData
internal import Imaging
internal import Torch

extension Trainer {
  /// Keeps a picture of crops and masks as the run sees them.
  func keepViews() {
    keep("views") { try ViewPreview(config.loaderSettings).image(of: images, count: 6) }
  }

  /// Keeps a picture of what the teacher sees now.
  func keepFeatures() {
    guard let draw = services.draw else { return }
    keep("features") { try draw(training.teacher.backbone) }
  }

  /// A picture that cannot be made or kept never ends a training.
  private func keep(_ name: String, _ picture: () throws -> PixelBuffer) {
    do {
      try files.record(picture(), named: name, iteration: state.iteration)
    } catch {
      services.onEvent(.warning("no sample picture of \(name): \(error)"))
    }
  }
}
