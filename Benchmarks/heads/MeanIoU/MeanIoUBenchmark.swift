import DINOEvaluation
import Foundation

/// Times `SegmentationEvaluator` on label maps; `mean_iou.py` writes them and runs this.
///
/// Arguments: two files of the same maps one after another, 16-bit numbers (predictions, then labels), the
/// pixels of a map, the number of classes and of rounds. Prints `{"seconds": …, "mIoU": …}` for each round.
@main
enum MeanIoUBenchmark {
  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst()
    let numbers = arguments.dropFirst(2).compactMap { Int($0) }
    guard arguments.count == 5, numbers.count == 3, numbers[0] > 0 else {
      throw EvaluationError("usage: MeanIoUBenchmark PREDICTIONS LABELS PIXELS CLASSES ROUNDS")
    }
    let (pixels, classes, rounds) = (numbers[0], numbers[1], numbers[2])
    let maps = try arguments.prefix(2).map { try Self.maps(in: $0, pixels: pixels) }
    for _ in 0..<rounds {
      var evaluator = SegmentationEvaluator(classes: classes)
      let time = try ContinuousClock().measure {
        for (prediction, labels) in zip(maps[0], maps[1]) {
          try evaluator.add(prediction, labels: labels)
        }
      }
      print("{\"seconds\": \(time / .seconds(1)), \"mIoU\": \(evaluator.metrics.mIoU)}")
    }
  }

  private static func maps(in path: String, pixels: Int) throws -> [[UInt16]] {
    let bytes = try Data(contentsOf: URL(filePath: path))
    return stride(from: 0, to: bytes.count, by: pixels * 2).map { start in
      let map = [UInt8](bytes[start..<min(start + pixels * 2, bytes.count)])
      return (0..<map.count / 2).map { UInt16(map[$0 * 2]) | UInt16(map[$0 * 2 + 1]) << 8 }
    }
  }
}
