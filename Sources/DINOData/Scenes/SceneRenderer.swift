public import Imaging

/// Makes scenes from a seed and draws them.
///
/// The same seed and size give the same bytes on every machine: random numbers are counter-based,
/// and the arithmetic uses only IEEE-exact operations, never libm's.
///
///     let renderer = SceneRenderer(seed: 7)
///     let picture = try renderer.render(renderer.scene(at: 0), size: Size(height: 98, width: 98))
public struct SceneRenderer: Sendable {
  /// The largest side of a picture, in pixels.
  public static let largestSide = 8_192

  /// The seed of all scenes.
  public let seed: UInt64

  /// Creates a renderer.
  ///
  /// - Parameter seed: The seed of all its scenes.
  public init(seed: UInt64) { self.seed = seed }

  /// The scene with a number; its class is random.
  ///
  /// - Parameter index: Any number; scenes do not depend on each other.
  /// - Returns: The scene.
  public func scene(at index: Int) -> Scene {
    var random = SceneRandom(seed: seed, stream: UInt64(bitPattern: Int64(index)))
    return SceneComposer.scene(of: random.below(Scene.classNames.count), random: random)
  }

  /// The scene with a number, of a given class.
  ///
  /// - Parameters:
  ///   - index: Any number.
  ///   - classIndex: An index into ``Scene/classNames``.
  /// - Returns: The scene.
  /// - Throws: ``DataError/usage(problem:)`` if there is no such class.
  public func scene(at index: Int, classIndex: Int) throws(DataError) -> Scene {
    guard Scene.classNames.indices.contains(classIndex) else {
      throw .usage(
        problem: "there is no scene class \(classIndex); there are \(Scene.classNames.count)")
    }
    let random = SceneRandom(seed: ~seed, stream: UInt64(bitPattern: Int64(index)))
    return SceneComposer.scene(of: classIndex, random: random)
  }

  /// Draws a scene.
  ///
  /// - Parameters:
  ///   - scene: The scene.
  ///   - size: The size of the picture; the view is centred, its shorter side always shows the
  ///     same.
  /// - Returns: The picture with its ground truth.
  /// - Throws: ``DataError/usage(problem:)`` if a side is not in `1...largestSide`.
  public func render(_ scene: Scene, size: Size) throws(DataError) -> SceneImage {
    let sides = 1...SceneRenderer.largestSide
    guard sides.contains(size.height), sides.contains(size.width) else {
      throw .usage(
        problem: "a scene of \(size) pixels was asked for; sides of 1 to "
          + "\(SceneRenderer.largestSide) are possible")
    }
    var canvas = SceneCanvas(scene, height: size.height, width: size.width)
    canvas.drawBackground()
    canvas.drawShadows()
    for index in scene.items.indices { canvas.draw(index) }
    do throws(ImageError) {
      return try canvas.finished()
    } catch {
      throw DataError(error, path: "scene")
    }
  }
}
