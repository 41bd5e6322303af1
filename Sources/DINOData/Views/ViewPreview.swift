public import Imaging

/// Draws what a training sees: for some images a row with the image, its crops and its masks.
///
/// The crops are those of the training's first images, and so are their distortions; masked patches
/// are darkened.
public struct ViewPreview: Sendable {
  private let settings: MultiCropLoader.Settings
  /// The height and width into which the original image is fitted.
  public var imageSize = Size(height: 224, width: 224)
  /// How much masked patches are darkened, 0 to 1.
  public var shade = 0.75

  private static let widestHeading = 60

  /// Creates a preview.
  ///
  /// - Parameter settings: The settings of the training's loader.
  public init(_ settings: MultiCropLoader.Settings) {
    self.settings = settings
  }

  /// Draws images.
  ///
  /// - Parameters:
  ///   - images: The images of the training.
  ///   - count: How many images to draw, at least 1; never more than there are.
  /// - Returns: The picture.
  /// - Throws: ``DataError`` if an image cannot be decoded or the picture would be too large.
  public func image(of images: TrainingImages, count: Int) throws(DataError) -> PixelBuffer {
    let count = min(count, images.count)
    guard count > 0 else { throw .usage(problem: "a preview of \(count) images was asked for") }
    let sampler = TrainingSampler(
      count: images.count, seed: settings.seed, rank: settings.rank,
      worldSize: settings.worldSize)
    let multiCrop = MultiCrop(settings.crops, seed: settings.seed)
    var random = ViewRandom(seed: settings.seed, .masks, settings.rank)
    let masks = MaskBatch(crops: 2 * count, settings.masks, &random)
    var sheet = ContactSheet(title: "Crops and masks")
    for position in 0..<count {
      let reference = images.references[sampler[position]]
      let image = try reference.decode()
      let cropped =
        settings.reducesDecoding
        ? try reference.decode(reducing: settings.reduction(for:)) : image
      do throws(ImageError) {
        let crops = try multiCrop(cropped, at: sampler.globalPosition(position))
        sheet.rows.append(
          .init(
            heading: String(reference.displayName.suffix(Self.widestHeading)),
            cells: try cells(image, crops, masks, [position, count + position])))
      } catch {
        throw DataError(error, path: reference.displayName)
      }
    }
    do throws(ImageError) {
      return try sheet.image()
    } catch {
      throw DataError(error, path: "preview")
    }
  }

  /// The pictures of a row.
  private func cells(
    _ image: PixelBuffer, _ crops: [PixelBuffer], _ masks: MaskBatch, _ maskRows: [Int]
  ) throws(ImageError) -> [ContactSheet.Cell] {
    let scale = min(
      Double(imageSize.height) / Double(image.height), Double(imageSize.width) / Double(image.width)
    )
    let fitted = Size(
      height: max(1, Int(Double(image.height) * scale)),
      width: max(1, Int(Double(image.width) * scale)))
    var cells = [ContactSheet.Cell(try image.resized(to: fitted), caption: "\(image.size)")]
    for (number, crop) in crops.enumerated() {
      guard number < maskRows.count else {
        cells.append(.init(crop, caption: "local \(number - 1)"))
        continue
      }
      let row = maskRows[number]
      let masked = masks.counts[row]
      cells.append(
        .init(
          shaded(crop, masks, row),
          caption: "global \(number + 1)" + (masked == 0 ? "" : ", \(masked) masked")))
    }
    return cells
  }

  /// A crop with its masked patches darkened.
  private func shaded(_ crop: PixelBuffer, _ masks: MaskBatch, _ row: Int) -> PixelBuffer {
    let (rows, columns) = (settings.masks.generator.height, settings.masks.generator.width)
    var result = crop
    for place in 0..<rows * columns where masks.masks[row * rows * columns + place] {
      let (top, left) = (
        place / columns * crop.height / rows, place % columns * crop.width / columns
      )
      let (bottom, right) = (
        (place / columns + 1) * crop.height / rows, (place % columns + 1) * crop.width / columns
      )
      result.fillRectangle(
        Region(top: top, left: left, height: bottom - top, width: right - left), color: .black,
        opacity: shade)
    }
    return result
  }
}
