internal import Telemetry

extension TrainingPreset {
  /// Chooses a preset for images and a machine.
  ///
  /// - Parameters:
  ///   - imageCount: The number of images.
  ///   - coreCount: The number of processor cores.
  ///   - acceleratorCount: The number of graphics processors of all processes.
  /// - Returns: The preset and the reason, to be printed.
  public static func automatic(
    imageCount: Int, coreCount: Int, acceleratorCount: Int = 0
  ) -> Choice {
    let machine =
      acceleratorCount > 0
      ? "\(acceleratorCount) accelerator\(acceleratorCount == 1 ? "" : "s")"
      : "\(coreCount) core\(coreCount == 1 ? "" : "s"), no accelerator"
    let images = "\(NumberFormat.grouped(imageCount)) image\(imageCount == 1 ? "" : "s")"
    func choice(_ preset: TrainingPreset, _ reason: String) -> Choice {
      Choice(preset: preset, reason: "\(images), \(machine): \(reason)")
    }
    if imageCount < 256 {
      return choice(.tiny, "too few images to learn features from; a run that shows that all works")
    }
    guard acceleratorCount > 0 else {
      return choice(.smallData, "a model that learns in hours without an accelerator")
    }
    // Meta's recipes see 256 M and 1.9 G images: less data or fewer devices do not pay for a ViT-L.
    if imageCount >= 5_000_000, acceleratorCount >= 64 {
      return choice(.vitl14, "enough data and devices for Meta's long recipe")
    }
    if imageCount >= 500_000, acceleratorCount >= 8 {
      return choice(.metaShort, "enough data and devices for Meta's short recipe")
    }
    return choice(.smallData, "less than 500,000 images or 8 devices; a ViT-L would not pay off")
  }
}
