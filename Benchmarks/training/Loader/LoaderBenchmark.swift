import DINOData
import DINOTraining

/// Times the training's loader alone, with JPEG files decoded whole and smaller in turns.
///
/// Arguments: a folder of images, a preset, how often each image is read, the number of rounds, and settings
/// such as `train.cache_gb=0`. Prints `{"reduced": …, "images_per_s": …}` for each turn.
@main
enum LoaderBenchmark {
  static func main() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let numbers = arguments.dropFirst(2).prefix(2).compactMap { Int($0) }
    guard numbers.count == 2, numbers[0] > 0 else {
      throw DataError.usage(
        problem: "usage: LoaderBenchmark FOLDER PRESET PASSES ROUNDS [KEY=VALUE …]")
    }
    let images = try TrainingImages([arguments[0]])
    let preset = try TrainingPreset(named: arguments[1])
    for _ in 0..<numbers[1] {
      for reduced in [false, true] {
        let config = try TrainingConfig.load(
          preset: preset,
          overrides: Array(arguments.dropFirst(4)) + ["train.reduced_decoding=\(reduced)"])
        let settings = config.loaderSettings
        let batches = max(1, numbers[0] * images.count / settings.batchSize)
        let loader = MultiCropLoader(images, settings)
        let time = try ContinuousClock().measure {
          for _ in 0..<batches { _ = try loader.next() }
        }
        let rate = Double(batches * settings.batchSize) / (time / .seconds(1))
        print("{\"reduced\": \(reduced), \"images_per_s\": \(rate)}")
      }
    }
  }
}
