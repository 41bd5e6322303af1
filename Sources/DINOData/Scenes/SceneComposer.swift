/// Draws a scene's description from random numbers.
///
/// The main object decides the scale: the camera stands where it fills 40 to 70 % of the picture's
/// height. Other things keep their true sizes, so that nearer ones look larger.
struct SceneComposer {
  private var random: SceneRandom
  private let classIndex: Int

  /// Composes a scene.
  ///
  /// - Parameters:
  ///   - classIndex: The class of the main object.
  ///   - random: A stream of its own.
  /// - Returns: The scene.
  static func scene(of classIndex: Int, random: SceneRandom) -> Scene {
    var composer = SceneComposer(random: random, classIndex: classIndex)
    return composer.compose()
  }

  private mutating func compose() -> Scene {
    let kind = SceneCatalogue.classes[classIndex]
    let isOutdoors =
      switch kind.setting {
      case .table: false
      case .field: true
      case .anywhere: random.chance(0.5)
      }
    let height = random.between(kind.heights.0, kind.heights.1)
    let focal = random.between(1.1, 1.6)
    let model = kind.build(&random)
    // Wide things, such as cars, are limited by their width.
    let z =
      focal * height / min(random.between(0.45, 0.72), random.between(0.36, 0.46) / model.halfWidth)
    let horizon = isOutdoors ? random.between(-0.12, 0.12) : random.between(-0.42, -0.24)
    let row = max(random.between(0.24, 0.42), horizon + 0.16)
    let camera = Scene.Camera(focal: focal, horizon: horizon, height: (row - horizon) * z / focal)
    // It may leave the middle as far as it stays in the picture.
    let leeway = max(0.03, min(0.2, 0.5 - model.halfWidth * focal * height / z))
    let main = item(
      model, classIndex, height: height, x: random.around(0, leeway) * z / focal, z: z)
    let wall = z * random.between(1.5, 2.8)
    let light = light(isOutdoors: isOutdoors)
    let background =
      isOutdoors ? field(scale: z, light: light) : room(wallDistance: wall, scale: z)

    var items = [main]
    let far = isOutdoors ? z * random.between(4, 9) : wall * 0.92
    for _ in 0..<random.below(4) {
      if let other = other(isOutdoors: isOutdoors, main: main, camera: camera, far: far) {
        items.append(other)
      }
    }
    for _ in 0..<(1 + random.below(5)) {
      items.append(clutter(isOutdoors: isOutdoors, main: main, camera: camera, far: far))
    }
    // Far to near; equal distances keep their order of creation.
    let order = items.indices.sorted { (items[$1].z, $0) < (items[$0].z, $1) }
    return Scene(
      camera: camera, light: light, background: background, items: order.map { items[$0] },
      mainItem: order.firstIndex(of: 0) ?? 0,
      noiseSeed: UInt32(truncatingIfNeeded: random.next()))
  }

  // MARK: Items

  private mutating func item(
    _ model: SceneCatalogue.Model, _ index: Int?, height: Float, x: Float, z: Float
  ) -> Scene.Item {
    Scene.Item(
      classIndex: index, parts: model.parts, height: height, x: x, z: z,
      isFlipped: random.chance(0.5), footing: model.footing, halfWidth: model.halfWidth)
  }

  /// Another thing with a class, beside and behind the main one; nil if none fits.
  private mutating func other(
    isOutdoors: Bool, main: Scene.Item, camera: Scene.Camera, far: Float
  ) -> Scene.Item? {
    for _ in 0..<6 {
      let index = random.below(SceneCatalogue.classes.count)
      let kind = SceneCatalogue.classes[index]
      let fits =
        switch kind.setting {
        case .table: !isOutdoors
        case .field: isOutdoors
        case .anywhere: true
        }
      let height = random.between(kind.heights.0, kind.heights.1)
      let z = main.z + (far - main.z) * random.between(0.15, 1)
      let share = camera.focal * height / z
      guard fits, share > 0.1, share < 0.55 else { continue }
      let side: Float = random.chance(0.5) ? 1 : -1
      let u = side * random.between(0.2, 0.5)
      let model = kind.build(&random)
      return item(model, index, height: height, x: u * z / camera.focal, z: z)
    }
    return nil
  }

  private mutating func clutter(
    isOutdoors: Bool, main: Scene.Item, camera: Scene.Camera, far: Float
  ) -> Scene.Item {
    let isNear = random.chance(0.3)
    let z =
      isNear
      ? main.z * random.between(0.86, 0.96)
      : main.z + (far - main.z) * random.unit() * random.unit()
    let share = isNear ? random.between(0.04, 0.09) : random.between(0.06, 0.16)
    let model =
      isOutdoors
      ? SceneCatalogue.fieldClutter(&random) : SceneCatalogue.tableClutter(&random)
    return item(
      model, nil, height: share * main.z / camera.focal,
      x: random.around(0, 0.55) * z / camera.focal, z: z)
  }

  // MARK: Surroundings

  private mutating func light(isOutdoors: Bool) -> Scene.Light {
    let side: Float = random.chance(0.5) ? 1 : -1
    var direction = SIMD3<Float>(
      side * random.between(0.5, 1.1), random.between(0.5, 0.9), random.between(0.15, 0.5))
    direction /= (direction * direction).sum().squareRoot()
    let warmth = random.between(-0.12, 0.2)
    let strength = random.between(0.75, 1)
    let fill = random.between(0.22, 0.42)
    return Scene.Light(
      direction: direction,
      color: Color(1 + warmth, 1, 1 - warmth, 0) * strength,
      ambient: Color(1 - warmth * 0.5, 1, 1 + warmth * 0.6, 0) * fill,
      shadow: isOutdoors ? random.between(0.5, 0.78) : random.between(0.4, 0.65),
      exposure: random.between(0.8, 1.15), vignette: random.between(0, 0.35),
      grain: random.between(0.005, 0.03))
  }

  private mutating func room(wallDistance: Float, scale: Float) -> Background {
    let wood = Color.rgb(random.between(0.45, 0.75), random.between(0.32, 0.5), 0.26)
    let cloth = SceneCatalogue.vivid(&random) * 0.8
    let ground: Material =
      switch random.below(4) {
      case 0: Material(cloth, cloth * 0.45, .checks(frequency: random.between(3, 6)), strength: 0.7)
      case 1:
        Material(
          cloth, SceneCatalogue.pale(&random),
          .stripes(SIMD2(1, 0), frequency: random.between(2, 5), share: 0.4))
      default:
        Material(wood, wood * 0.5, .noise(frequency: 6, stretch: 0.12), strength: 0.8, gloss: 0.3)
      }
    let paint =
      random.chance(0.7)
      ? SceneCatalogue.pale(&random) * random.between(0.45, 1) : SceneCatalogue.vivid(&random) * 0.7
    let back: Material =
      switch random.below(5) {
      case 0:
        Material(
          paint, paint * 0.75,
          .stripes(SIMD2(1, 0), frequency: random.between(5, 12), share: 0.5), strength: 0.6)
      case 1: Material(paint, paint * 0.7, .spots(frequency: random.between(5, 9), radius: 0.25))
      case 2: Material(paint, paint * 0.6, .checks(frequency: random.between(4, 8)), strength: 0.5)
      default:
        Material(paint, paint * 0.6, .noise(frequency: random.between(1.5, 4), stretch: 1))
      }
    return Background(
      kind: .room(wallDistance: wallDistance), ground: ground, groundScale: scale * 0.5,
      back: back, clouds: 0, haze: .infinity)
  }

  private mutating func field(scale: Float, light: Scene.Light) -> Background {
    let grass = Color.rgb(random.between(0.35, 0.6), random.between(0.5, 0.65), 0.25)
    let sand = Color.rgb(0.82, 0.7, 0.48)
    let asphalt = SceneCatalogue.gray(random.between(0.4, 0.55))
    let base = random.pick([grass, grass, grass, sand, asphalt])
    let dusk = random.chance(0.25)
    let low = dusk ? Color.rgb(0.98, 0.7, 0.5) : Color.rgb(0.82, 0.88, 0.94)
    let high =
      dusk ? Color.rgb(0.42, 0.42, 0.65) : Color.rgb(0.36, 0.56, random.between(0.78, 0.92))
    let hills = (0..<random.below(4)).map { row -> Background.Hill in
      let share = Float(row + 1) / 4
      let rock = Color.rgb(random.between(0.2, 0.45), random.between(0.35, 0.48), 0.3)
      return Background.Hill(
        distance: 400 * (1.3 - share), height: 0.16 * (1.2 - share),
        swing: random.between(0.03, 0.13),
        frequency: random.between(1.5, 5), color: rock.mixed(with: low, 0.75 * (1 - share)))
    }
    return Background(
      kind: .field(hills: hills),
      ground: Material(base, base * 0.5, .noise(frequency: 5, stretch: 1), strength: 0.9),
      groundScale: scale * 0.4, back: Material(low, high, .plain),
      clouds: random.between(0, 0.8), haze: scale * random.between(15, 60))
  }
}
