public import Imaging

/// A scene whose objects move: a short film with the true mask of every frame.
///
/// Objects with a class sway to and fro and come nearer or go away, so that they change in size and pass
/// before and behind each other; the light's strength changes a little. Clutter and the camera stand
/// still. A film is a function of the scene and the seed.
///
///     let film = SceneVideo(renderer.scene(at: 0), seed: 0)
///     let frame = try film.frame(at: 0.5, size: Size(height: 240, width: 426))
public struct SceneVideo: Sendable, Equatable {
  /// One frame.
  public struct Frame: Sendable, Equatable {
    /// The picture.
    public let image: PixelBuffer
    /// Which object each pixel shows: 0 background and clutter, otherwise the same number in every frame.
    public let labels: ValueImage
  }

  /// How one object moves: sines of time, of which the values at the start are taken off.
  private struct Motion: Equatable {
    /// The swing to either side on the image plane, in units of the shorter side.
    var sway: Float = 0
    /// The swing of the distance, as a share of it.
    var approach: Float = 0
    /// How often it swings in the film, and where it begins, in turns.
    var swayTurns: Float = 1
    var swayPhase: Float = 0
    var approachTurns: Float = 1
    var approachPhase: Float = 0

    func sway(at time: Float) -> Float {
      sway * Self.swing(swayTurns, swayPhase, time)
    }

    func approach(at time: Float) -> Float {
      1 + approach * Self.swing(approachTurns, approachPhase, time)
    }

    private static func swing(_ turns: Float, _ phase: Float, _ time: Float) -> Float {
      Turn.sineCosine(turns * time + phase).sine - Turn.sineCosine(phase).sine
    }
  }

  private let scene: Scene
  /// One for each item of the scene.
  private let motions: [Motion]
  /// The number of each item in the masks; 0 for clutter.
  private let labels: [UInt16]

  /// Sets a scene in motion.
  ///
  /// - Parameters:
  ///   - scene: The scene as it is in the first frame.
  ///   - seed: Seeds the motions.
  public init(_ scene: Scene, seed: UInt64) {
    var random = SceneRandom(seed: seed, stream: UInt64(scene.noiseSeed))
    var motions: [Motion] = []
    var labels: [UInt16] = []
    var count: UInt16 = 0
    for item in scene.items {
      guard item.classIndex != nil else {
        motions.append(Motion())
        labels.append(0)
        continue
      }
      count += 1
      labels.append(count)
      let side: Float = random.chance(0.5) ? 1 : -1
      motions.append(
        Motion(
          sway: side * random.between(0.08, 0.22), approach: random.between(-0.16, 0.16),
          swayTurns: random.between(0.4, 1.1), swayPhase: random.unit(),
          approachTurns: random.between(0.3, 0.9), approachPhase: random.unit()))
    }
    self.scene = scene
    self.motions = motions
    self.labels = labels
  }

  /// The number of objects; their labels are 1 to this.
  public var objectCount: Int { Int(labels.max() ?? 0) }

  /// Draws a frame.
  ///
  /// - Parameters:
  ///   - time: The moment, 0 at the start, 1 at the end.
  ///   - size: The size of the picture.
  /// - Returns: The picture and its labels.
  /// - Throws: ``DataError/usage(problem:)`` if a side is not possible, as ``SceneRenderer``.
  public func frame(at time: Float, size: Size) throws(DataError) -> Frame {
    let (moved, order) = moved(to: min(max(time, 0), 1))
    let image = try SceneRenderer(seed: 0).render(moved, size: size)
    let values = image.instances.map { owner in owner == 0 ? 0 : labels[order[Int(owner) - 1]] }
    do throws(ImageError) {
      return Frame(image: image.image, labels: try ValueImage(values, size: size))
    } catch { throw DataError(error, path: "scene") }
  }

  /// The scene at a moment, and the items of this scene in the order of that one.
  private func moved(to time: Float) -> (Scene, [Int]) {
    let focal = scene.camera.focal
    let items = zip(scene.items, motions).map { item, motion -> Scene.Item in
      guard motion != Motion() else { return item }
      var z = item.z * motion.approach(at: time)
      // In a room nothing goes through the wall.
      if case .room(let wall) = scene.background.kind { z = min(z, max(wall * 0.95, item.z)) }
      var x = item.x * (z / item.z) + motion.sway(at: time) / focal * z
      // At least a part stays in the picture.
      let most = 0.55 / focal * z
      if abs(x) > most { x = x < 0 ? -most : most }
      return Scene.Item(
        classIndex: item.classIndex, parts: item.parts, height: item.height, x: x, z: z,
        isFlipped: item.isFlipped, footing: item.footing, halfWidth: item.halfWidth)
    }
    // Far to near, as scenes are drawn.
    let order = items.indices.sorted { (items[$1].z, $0) < (items[$0].z, $1) }
    let light = scene.light
    let flicker = 1 + 0.08 * Turn.sineCosine(0.7 * time).sine
    let moved = Scene(
      camera: scene.camera,
      light: Scene.Light(
        direction: light.direction, color: light.color, ambient: light.ambient,
        shadow: light.shadow, exposure: light.exposure * flicker, vignette: light.vignette,
        grain: light.grain),
      background: scene.background, items: order.map { items[$0] },
      mainItem: order.firstIndex(of: scene.mainItem) ?? 0, noiseSeed: scene.noiseSeed)
    return (moved, order)
  }
}
