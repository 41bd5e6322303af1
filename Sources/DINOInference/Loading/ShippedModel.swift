internal import FoundationEssentials
public import Imaging

/// The small model that comes with the package, so that everything works without a download.
///
/// Its model card is the `README.md` in its folder.
public enum ShippedModel {
  /// Its name, as a `model` argument.
  public static let name = "dinov2_vitt14"

  /// What it was trained to see: the shorter side and the centre crop have 98 pixels.
  public static let preprocessing = Preprocessing(
    resize: 98, crop: Size(height: 98, width: 98))

  /// Its model folder; nil if the program was moved away from its resources.
  public static var folder: String? {
    // The package manager puts resources beside the program; its own accessor would trap without them.
    let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    let folder = program.deletingLastPathComponent()
      .appending(path: "swift-dinov2_DINOInference.resources/\(name)").path
    return FileManager.default.fileExists(atPath: "\(folder)/config.json") ? folder : nil
  }
}
