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
    places.map { "\($0)/\(name)" }.first {
      FileManager.default.fileExists(atPath: "\($0)/config.json")
    }
  }

  /// Where the folder may lie: in the resources beside the running program, as the package manager puts
  /// them, or in `share` as an installation does.
  private static var places: [String] {
    let program = URL(filePath: CommandLine.arguments.first ?? "").resolvingSymlinksInPath()
    let running = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    return [running, program].flatMap { file in
      let directory = file.deletingLastPathComponent().path
      return [
        "\(directory)/swift-dinov2_DINOInference.resources",
        "\(directory)/swift-dinov2_DINOInference.bundle",
        "\(directory)/../share/dinov2",
      ]
    }
  }
}
