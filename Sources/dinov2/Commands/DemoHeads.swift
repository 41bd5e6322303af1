import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Imaging
import Telemetry

/// The heads that come with the program, as the demo measures and applies them.
struct DemoHeads {
  /// The side that the rendered images were trained on.
  static let sceneSide = 196
  /// The seed of the rendered images; the part `val` shares none with those that were trained on.
  static let sceneSeed = 0

  private let segmentation: DensePredictor
  private let depth: DensePredictor
  private let detection: DetectionPredictor
  private let classNames: [String]

  /// What the heads reach on rendered scenes that they have not seen.
  struct Measures {
    var images = 0
    var mIoU = Double.nan
    /// Only pixels up to this depth count, that of the head.
    var maxDepth = Double.nan
    var rmse = Double.nan
    /// The error of one depth for every pixel, the median of the training images.
    var rmseOfMedian = Double.nan
    /// The share of pixels whose depth is right within a quarter.
    var delta1 = Double.nan
    var ap50 = Double.nan

    /// All values on a line.
    var text: String {
      func fixed(_ value: Double) -> String { NumberFormat.fixed(value, decimals: 3) }
      return "\(images) scenes: mIoU \(fixed(mIoU)), depth RMSE \(fixed(rmse)) m "
        + "(median everywhere: \(fixed(rmseOfMedian)) m), a1 \(fixed(delta1)), AP50 \(fixed(ap50))"
    }
  }

  /// Loads model and heads; nil if a head is missing.
  init?() async throws {
    guard let segmentation = ShippedModel.head(for: .segmentation),
      let depth = ShippedModel.head(for: .depth),
      let detection = ShippedModel.head(for: .detection)
    else { return nil }
    let model = try await ModelOptions.parse([]).load()
    let dense = try DenseHead(path: segmentation)
    classNames = dense.classNames ?? []
    self.segmentation = try await DensePredictor(model, head: dense)
    self.depth = try await DensePredictor(model, head: DenseHead(path: depth))
    self.detection = try await DetectionPredictor(model, head: HeadFolder(path: detection))
  }

  /// Measures all heads on the part `val` of a data set, as `dinov2 evaluate` does.
  func measures(on folder: String) async throws -> Measures {
    let root = RawPath(argument: folder)
    var measures = Measures()
    var dense = DenseMeasurement(predictor: segmentation)
    dense.bootstrap = 0
    let labels = try await dense.segmentation(SegmentationData(root, split: "val")).result
    (measures.images, measures.mIoU) = (labels.perImage.count, labels.metrics.mIoU)
    dense = DenseMeasurement(predictor: depth)
    dense.bootstrap = 0
    var near = DepthEvaluator.Options()
    near.maxDepth = depth.head.maxDepth ?? .infinity
    measures.maxDepth = near.maxDepth
    let metres = try await dense.depth(
      DepthData(root, split: "val"), near, constant: depth.head.trainMedian
    ).result
    (measures.rmse, measures.delta1) = (metres.mean.rmse, metres.mean.a1)
    measures.rmseOfMedian = metres.ofConstant?.rmse ?? .nan
    let boxes = try await DetectionMeasurement(predictor: detection)(
      DetectionData(root, split: "val")
    ).result
    measures.ap50 = boxes.evaluator.metrics().ap50
    return measures
  }

  // MARK: Pictures

  /// The side of the squares that pictures are fitted into, pixels.
  private static let side = 220
  /// The least score of a box, that of `dinov2 detect`.
  private static let leastScore: Float = 0.3
  private static let captions = TextStyle(scale: 1.7, color: RGB(70, 72, 78))

  /// Images, and beside each what the three heads say about it, with a legend of the classes.
  ///
  /// - Parameter images: The images.
  /// - Returns: The picture.
  /// - Throws: What decoding or predicting throws.
  func sheet(of images: [String]) async throws -> PixelBuffer {
    var sheet = ContactSheet(cellSize: Size(height: Self.side, width: Self.side))
    sheet.margin = 14
    sheet.captionStyle = Self.captions
    var seen: Set<Int> = []
    for reference in try ImageInputs(images.map { RawPath($0) }).references {
      let image = try reference.decode(ImageDecoder())
      let labels = try await segmentation.labels(of: image)
      seen.formUnion(labels.shares.map(\.label))
      let name = reference.displayName.split(separator: "/").last.map(String.init) ?? ""
      sheet.rows.append(
        .init(cells: [
          .init(image, caption: name), try await boxes(in: image),
          try colors(of: labels, over: image), try await distances(in: image),
        ]))
    }
    let rows = try sheet.image()
    let legend = try legend(of: seen.sorted(), width: rows.width - 2 * sheet.margin)
    var picture = try PixelBuffer(
      size: Size(height: rows.height + legend.height + sheet.margin / 2, width: rows.width),
      fill: sheet.background)
    picture.paste(rows, top: 0, left: 0)
    picture.paste(legend, top: rows.height, left: sheet.margin)
    return picture
  }

  /// The image with the boxes of the objects, in the colours of the classes.
  private func boxes(in image: PixelBuffer) async throws -> ContactSheet.Cell {
    var options = DetectionPredictor.Options()
    options.decoding.leastScore = Self.leastScore
    let objects = try await detection.objects(in: image, options)
    // Drawn at the size of the cell, so that lines do not become thin.
    let scale = Double(Self.side) / Double(max(image.height, image.width))
    var picture = try image.resized(
      to: Size(
        height: max(Int((Double(image.height) * scale).rounded()), 1),
        width: max(Int((Double(image.width) * scale).rounded()), 1)), filter: .lanczos)
    for object in objects.reversed() {
      let box = object.box
      let region = Region(
        top: Int((box.top * scale).rounded()), left: Int((box.left * scale).rounded()),
        height: Int((box.height * scale).rounded()), width: Int((box.width * scale).rounded()))
      let index = classNames.firstIndex(of: object.label) ?? 0
      picture.drawRectangle(region, color: ColorMap.categorical(index), width: 3)
    }
    var names: [String] = []
    for object in objects where !names.contains(object.label) { names.append(object.label) }
    return .init(picture, caption: names.isEmpty ? "no box" : names.joined(separator: ", "))
  }

  private func colors(
    of labels: LabelPrediction, over image: PixelBuffer
  ) throws -> ContactSheet.Cell {
    let largest = labels.shares.first { $0.label > 0 }
    let caption = largest.map { "\(classNames[$0.label]) \(percent($0.share))" }
    return .init(
      try image.mixed(with: labels.colored(), share: 0.6), caption: caption ?? "background only")
  }

  private func distances(in image: PixelBuffer) async throws -> ContactSheet.Cell {
    let found = try await depth.depth(of: image)
    let map = try ValueMap(found.metres, size: found.size)
    let range = map.range
    return .init(
      try map.colored(.turbo, range: range),
      caption: "\(Self.metres(range.lowerBound)) to \(Self.metres(range.upperBound)) m")
  }

  private static func metres(_ value: Float) -> String {
    NumberFormat.fixed(Double(value), decimals: 1)
  }

  /// The names of classes beside their colours, in as many rows as they need.
  private func legend(of classes: [Int], width: Int) throws -> PixelBuffer {
    let swatch = 15
    let step = Self.captions.size(of: "x").height + 7
    var places: [(index: Int, row: Int, left: Int)] = []
    var (row, left) = (0, 0)
    for index in classes {
      let needed = swatch + 7 + Self.captions.size(of: classNames[index]).width
      if left > 0, left + needed > width { (row, left) = (row + 1, 0) }
      places.append((index, row, left))
      left += needed + 22
    }
    var picture = try PixelBuffer(
      size: Size(height: (row + 1) * step, width: width), fill: ContactSheet().background)
    for place in places {
      picture.fillRectangle(
        Region(top: place.row * step, left: place.left, height: swatch, width: swatch),
        color: ColorMap.categorical(place.index))
      picture.drawText(
        classNames[place.index], top: place.row * step + 1, left: place.left + swatch + 7,
        style: Self.captions)
    }
    return picture
  }
}
