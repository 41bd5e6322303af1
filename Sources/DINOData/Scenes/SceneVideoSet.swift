public import Imaging

/// Writes films of scenes as a data set for tracking.
///
/// Written are `<video>/images/<frame>.png`, the pictures, and `<video>/masks/<frame>.png`, index images:
/// 0 is background, every object has the same number in all frames of its film.
public struct SceneVideoSet: Sendable {
  /// The seed of all films.
  public let seed: UInt64
  /// The size of the pictures.
  public let size: Size
  /// The number of threads that render.
  public var threads = 2

  /// Describes a data set.
  ///
  /// - Parameters:
  ///   - seed: The seed of all films.
  ///   - size: The size of the pictures.
  public init(seed: UInt64, size: Size) {
    self.seed = seed
    self.size = size
  }

  /// The most films, and the most frames of one.
  private static let most = 100_000

  /// Writes a data set; the classes of the main objects take turns.
  ///
  /// - Parameters:
  ///   - videos: The number of films.
  ///   - frames: The number of frames of each.
  ///   - folder: A folder that does not exist yet or is empty.
  ///   - progress: Called after each frame with the number of finished ones.
  /// - Throws: ``DataError`` if a number or the size is impossible, the folder not empty or not to be
  ///   written.
  public func write(
    videos: Int, frames: Int, to folder: String, progress: (Int) -> Void = { _ in }
  ) async throws(DataError) {
    guard (1...Self.most).contains(videos), (1...Self.most).contains(frames) else {
      throw .usage(
        problem: "\(videos) films of \(frames) frames were asked for; 1 to \(Self.most) "
          + "are possible")
    }
    try SceneSet.requireEmpty(folder)
    let renderer = SceneRenderer(seed: seed)
    var done = 0
    for number in 0..<videos {
      let scene = try renderer.scene(at: number, classIndex: number % Scene.classNames.count)
      let film = SceneVideo(scene, seed: seed)
      let base = "\(folder)/\(SceneSet.stem(number))"
      try SceneSet.makeFolder("\(base)/images")
      try SceneSet.makeFolder("\(base)/masks")
      let pipeline = OrderedPipeline(0..<frames, threads: threads, ahead: 4 * threads) {
        [size] index in
        let time = Float(index) / Float(max(frames - 1, 1))
        try Self.write(film.frame(at: time, size: size), SceneSet.stem(index), to: base)
      }
      for await item in pipeline {
        if case .failure(let error) = item.result {
          pipeline.cancel()
          throw error as? DataError
            ?? .system(path: folder, problem: "cannot be written: \(error)")
        }
        done += 1
        progress(done)
      }
      guard !Task.isCancelled else {
        throw .system(path: folder, problem: "is incomplete: writing was cancelled")
      }
    }
  }

  private static func write(
    _ frame: SceneVideo.Frame, _ stem: String, to base: String
  ) throws(DataError) {
    let encoder = ImageEncoder()
    do throws(ImageError) {
      try encoder.write(frame.image, to: "\(base)/images/\(stem).png")
      // A scene has far fewer objects than an index of 8 bits can tell apart.
      try encoder.writeIndexed(
        frame.labels.values.map { UInt8(clamping: $0) }, size: frame.labels.size,
        palette: [.black] + ColorMap.categoricalTable(count: 32), to: "\(base)/masks/\(stem).png")
    } catch { throw DataError(error, path: base) }
  }
}
