internal import Foundation
public import Imaging

/// Writes scenes as a data set for every task: classes, segmentation, depth and detection.
///
/// Written are, for the splits `train` and `val`:
///
/// - `<split>/images/<number>.png`, the pictures;
/// - `<split>/masks/<number>.png`, index images whose classes are the lines of `classes.txt` (0
///   background);
/// - `<split>/depth/<number>.png`, 16 bits, millimetres, 0 = unknown or beyond 65.535 m;
/// - `<split>.json`, boxes in COCO's form, whose category ids are the values of the masks;
/// - `by-class/<split>/<class>/<number>.png`, the pictures once more as hard links, and
///   `by-class/classes.txt`, the classes without the background.
public struct SceneSet: Sendable {
  /// The seed of all scenes; the splits never share a scene.
  public let seed: UInt64
  /// The size of the pictures.
  public let size: Size
  /// The number of threads that render.
  public var threads = 2

  /// Describes a data set.
  ///
  /// - Parameters:
  ///   - seed: The seed of all scenes.
  ///   - size: The size of the pictures.
  public init(seed: UInt64, size: Size) {
    self.seed = seed
    self.size = size
  }

  /// Writes a data set; classes take turns, so that each occurs equally often.
  ///
  /// - Parameters:
  ///   - train: The number of pictures for training.
  ///   - val: The number of pictures for validation.
  ///   - folder: A folder that does not exist yet or is empty.
  ///   - progress: Called after each picture with the number of finished ones.
  /// - Throws: ``DataError`` if a number is negative, the size impossible, the folder not empty or
  ///   not to be written.
  public func write(
    train: Int, val: Int, to folder: String, progress: (Int) -> Void = { _ in }
  ) async throws(DataError) {
    guard train >= 0, val >= 0, train <= SceneSet.most, val <= SceneSet.most else {
      throw .usage(
        problem: "\(train) and \(val) scenes were asked for; 0 to \(SceneSet.most) are possible")
    }
    try SceneSet.requireEmpty(folder)
    var done = 0
    for (split, count, first) in [("train", train, 0), ("val", val, SceneSet.most)]
    where count > 0 {
      try await write(split, first..<first + count, to: folder) {
        done += 1
        progress(done)
      }
    }
    let names = Scene.classNames
    try SceneSet.write(lines: ["background"] + names, to: folder + "/classes.txt")
    try SceneSet.write(lines: names, to: folder + "/by-class/classes.txt")
  }

  /// The most scenes of a split; the scenes of `val` begin at this number.
  private static let most = 1_000_000

  private func write(
    _ split: String, _ numbers: Range<Int>, to folder: String, progress: () -> Void
  ) async throws(DataError) {
    for part in ["images", "masks", "depth"] {
      try SceneSet.makeFolder("\(folder)/\(split)/\(part)")
    }
    for name in Scene.classNames {
      try SceneSet.makeFolder("\(folder)/by-class/\(split)/\(name)")
    }
    let renderer = SceneRenderer(seed: seed)
    let first = numbers.lowerBound
    let pipeline = OrderedPipeline(numbers, threads: threads, ahead: 4 * threads) {
      [size] number in
      let label = (number - first) % Scene.classNames.count
      let scene = try renderer.scene(at: number, classIndex: label)
      let image = try renderer.render(scene, size: size)
      let stem = SceneSet.stem(number - first)
      try SceneSet.write(image, stem: stem, split: split, to: folder)
      return image.boxes
    }
    var coco = COCODetections(classNames: Scene.classNames)
    for await item in pipeline {
      switch item.result {
      case .success(let boxes):
        coco.add(file: SceneSet.stem(item.index) + ".png", size: size, boxes: boxes)
        progress()
      case .failure(let error):
        pipeline.cancel()
        throw error as? DataError
          ?? .system(path: folder, problem: "cannot be written: \(error)")
      }
    }
    guard !Task.isCancelled else {
      throw .system(path: folder, problem: "is incomplete: writing was cancelled")
    }
    try SceneSet.write(bytes: coco.encoded(), to: "\(folder)/\(split).json")
  }

  static func stem(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 6 - digits.utf8.count)) + digits
  }

  // MARK: Files

  /// Refuses a folder that holds something.
  static func requireEmpty(_ folder: String) throws(DataError) {
    let root = RawPath(folder)
    guard let kind = try root.kind() else { return }
    guard kind == .folder, try FolderListing(root).entries().isEmpty else {
      throw .usage(
        problem: "\(root.displayName) exists and is not an empty folder; name a new folder")
    }
  }

  private static func write(
    _ scene: SceneImage, stem: String, split: String, to folder: String
  ) throws(DataError) {
    let encoder = ImageEncoder()
    let size = scene.image.size
    let base = "\(folder)/\(split)"
    let file = "\(base)/images/\(stem).png"
    do throws(ImageError) {
      try encoder.write(scene.image, to: file)
      try encoder.writeIndexed(
        scene.mask, size: size, palette: SceneSet.palette, to: "\(base)/masks/\(stem).png")
      try encoder.writeGray(scene.millimetres, size: size, to: "\(base)/depth/\(stem).png")
    } catch {
      throw DataError(error, path: base)
    }
    let copy = "\(folder)/by-class/\(split)/\(Scene.classNames[scene.classIndex])/\(stem).png"
    do {
      try FileManager.default.linkItem(atPath: file, toPath: copy)
    } catch {
      // Some file systems know no hard links.
      do throws(ImageError) {
        try encoder.write(scene.image, to: copy)
      } catch { throw DataError(error, path: copy) }
    }
  }

  /// Colours for looking at masks: hues a golden angle apart, as far as 8 bits per index need.
  private static let palette: [RGB] = (0...Scene.classNames.count).map { index in
    guard index > 0 else { return .black }
    let channels = [0, 1, 2].map { channel -> UInt8 in
      let turn = Turn.sineCosine(Float(index) * 0.381_966 + Float(channel) / 3)
      return UInt8(max(0, min(255, 140 + turn.sine * 110)))
    }
    return RGB(channels[0], channels[1], channels[2])
  }

  static func makeFolder(_ path: String) throws(DataError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .system(
        path: RawPath(path).displayName, problem: "cannot be made: \(reason(of: error))")
    }
  }

  private static func write(lines: [String], to path: String) throws(DataError) {
    try makeFolder(RawPath(path).folder.text)
    try write(bytes: lines.map { $0 + "\n" }.joined().data(using: .utf8) ?? Data(), to: path)
  }

  private static func write(bytes: Data, to path: String) throws(DataError) {
    do {
      try bytes.write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw .system(
        path: RawPath(path).displayName, problem: "cannot be written: \(reason(of: error))")
    }
  }

  private static func reason(of error: any Error) -> String {
    error.localizedDescription.onOneLine
  }
}

extension SceneImage {
  /// Depth in millimetres, `[height, width]`; 0 where it is unknown or does not fit into 16 bits.
  public var millimetres: [UInt16] {
    depth.map { metres in
      let value = (metres * 1_000).rounded()
      return value >= 0 && value <= 65_535 ? UInt16(value) : 0
    }
  }
}
