/// The picture in the making: light, distance and owner of each pixel.
struct SceneCanvas {
  let scene: Scene
  let height: Int
  let width: Int
  /// Pixels per unit of the image plane: the shorter side.
  let scale: Float
  /// Linear light.
  var light: [Color]
  /// Metres along the axis; 0 where the sky is.
  var depth: [Float]
  /// 0 for the background, otherwise the item's index + 1.
  var owner: [UInt8]

  init(_ scene: Scene, height: Int, width: Int) {
    self.scene = scene
    self.height = height
    self.width = width
    scale = Float(min(height, width))
    light = [Color](repeating: Color(), count: height * width)
    depth = [Float](repeating: 0, count: height * width)
    owner = [UInt8](repeating: 0, count: height * width)
  }

  /// The middle of a column on the image plane.
  func u(_ column: Int) -> Float { (Float(column) + 0.5 - Float(width) * 0.5) / scale }

  /// The middle of a row on the image plane, downwards.
  func v(_ row: Int) -> Float { (Float(row) + 0.5 - Float(height) * 0.5) / scale }

  /// The columns or rows whose middles may lie between two places.
  static func pixels(
    from low: Float, to high: Float, scale: Float, count: Int
  ) -> Range<Int> {
    let middle = Float(count) * 0.5
    let first = max(0, Int(Noise.floor(low * scale + middle - 0.5)))
    let last = min(count, Int(Noise.floor(high * scale + middle + 0.5)) + 1)
    return first..<max(first, last)
  }

  /// The colour of an opaque thing at a distance: haze takes over with distance.
  func hazed(_ color: Color, at z: Float) -> Color {
    guard scene.background.haze.isFinite else { return color }
    return color.mixed(with: scene.background.back.color, z / (z + scene.background.haze))
  }

  // MARK: Background

  mutating func drawBackground() {
    let camera = scene.camera
    let background = scene.background
    var start = 0
    for row in 0..<height {
      let v = v(row)
      let fall = v - camera.horizon
      let groundZ = fall > 1e-4 ? camera.focal * camera.height / fall : .infinity
      switch background.kind {
      case .room(let wall) where groundZ > wall: drawWall(row: v, distance: wall, at: start)
      case .field(let hills) where groundZ > (hills.last?.distance ?? 600):
        drawSky(row: v, at: start)
        for hill in hills { draw(hill, row: v, at: start) }
      case .field, .room: drawGround(z: groundZ, at: start)
      }
      start += width
    }
  }

  private mutating func drawGround(z: Float, at start: Int) {
    let background = scene.background
    let lit = scene.light.ambient + scene.light.color * max(0, scene.light.direction.y)
    // Detail finer than a pixel would flicker: it fades with the size of a pixel on the ground.
    let metresPerPixel = z / (scene.camera.focal * scale)
    let rowsPerPixel =
      metresPerPixel * z / (scene.camera.focal * scene.camera.height) * scene.camera.focal
    let blur = max(metresPerPixel, rowsPerPixel * 0.5) / background.groundScale
    let row = z / background.groundScale
    for column in 0..<width {
      let x = u(column) * z / scene.camera.focal / background.groundScale
      let texture = background.ground.texture(
        SIMD2(x, row), blur: blur, seed: scene.noiseSeed)
      light[start + column] = hazed(texture * lit, at: z)
      depth[start + column] = z
    }
  }

  private mutating func drawWall(row: Float, distance: Float, at start: Int) {
    let lit = scene.light.ambient + scene.light.color * max(0.15, scene.light.direction.z * 0.8)
    let foot = scene.camera.row(ofGroundAt: distance)
    // The light falls off away from the lamp's side and towards the corner with the table.
    let corner = 0.75 + 0.25 * smoothStep(0, 0.12, foot - row)
    for column in 0..<width {
      let x = u(column)
      let texture = scene.background.back.texture(
        SIMD2(x, row), blur: 1 / scale, seed: scene.noiseSeed &+ 77)
      let side = 1 + 0.35 * x * (scene.light.direction.x < 0 ? -1 : 1)
      light[start + column] = texture * lit * (corner * side)
      depth[start + column] = distance
    }
  }

  private mutating func drawSky(row: Float, at start: Int) {
    let background = scene.background
    let rise = scene.camera.horizon - row
    let sky = background.back.color.mixed(
      with: background.back.second, smoothStep(-0.05, 0.6, rise))
    let seed = scene.noiseSeed &+ 99
    // Clouds lie in a plane overhead: they shrink towards the horizon.
    let shrink = 1 / (max(rise, 0) + 0.12)
    for column in 0..<width {
      let x = u(column)
      guard background.clouds > 0.1 else {
        light[start + column] = sky
        continue
      }
      let density = Noise.cloudy(x * shrink * 0.9 + 31, shrink * 2.2, seed)
      let cover = smoothStep(1 - background.clouds * 0.75, 1.15 - background.clouds * 0.6, density)
      let white = Color.rgb(0.97, 0.96, 0.95).mixed(with: background.back.color, 0.25)
      light[start + column] = sky.mixed(with: white, cover * 0.85)
    }
  }

  private mutating func draw(_ hill: Background.Hill, row: Float, at start: Int) {
    let seed = scene.noiseSeed &+ UInt32(truncatingIfNeeded: Int(hill.distance))
    for column in 0..<width {
      let x = u(column)
      let ridge = Noise.cloudy(x * hill.frequency + hill.distance, 0.5, seed) - 0.5
      let top = scene.camera.horizon - hill.height - ridge * hill.swing * 2
      let coverage = max(0, min(1, (row - top) * scale + 0.5))
      guard coverage > 0 else { continue }
      let shade = 0.8 + 0.4 * Noise.value(x * 14, row * 30, seed &+ 5)
      light[start + column] = light[start + column].mixed(with: hill.color * shade, coverage)
      if coverage > 0.5 { depth[start + column] = hill.distance }
    }
  }

  // MARK: Shadows

  /// Darkens the ground where items keep the light off.
  mutating func drawShadows() {
    for item in scene.items { drawShadow(of: item) }
  }

  private mutating func drawShadow(of item: Scene.Item) {
    let camera = scene.camera
    let direction = scene.light.direction
    // The tip of the shadow: where the ray over the item's top meets the ground.
    let length = min(item.height / max(direction.y, 0.3), item.height * 1.7)
    let tip = SIMD2(-direction.x, direction.z) * length
    let radius = item.footing * item.height
    // The shadow is as wide as the foot at one end, and nearly as the whole thing farther out.
    let widest = max(radius, 0.75 * item.halfWidth * item.height)
    let soft = max(item.height * 0.3, 1e-6)
    let nearZ = max(item.z - radius * 0.5 - soft, camera.focal * 0.05 * item.z)
    let farZ = item.z + tip.y + widest + soft
    let rows = SceneCanvas.pixels(
      from: camera.row(ofGroundAt: farZ), to: camera.row(ofGroundAt: nearZ), scale: scale,
      count: height)
    for row in rows {
      let fall = v(row) - camera.horizon
      guard fall > 1e-4 else { continue }
      let z = camera.focal * camera.height / fall
      if case .room(let wall) = scene.background.kind, z > wall { continue }
      let perUnit = z / camera.focal
      let columns = SceneCanvas.pixels(
        from: (item.x + min(0, tip.x) - widest - soft) / perUnit,
        to: (item.x + max(0, tip.x) + widest + soft) / perUnit, scale: scale, count: width)
      for column in columns {
        // Things are about half as deep as wide: distances along z count double near the foot.
        let offset = SIMD2(u(column) * perUnit - item.x, (z - item.z))
        let along = max(0, min(1, (offset * tip).sum() / max((tip * tip).sum(), 1e-12)))
        var across = offset - tip * along
        across.y *= 1.6 - 0.6 * along
        let distance = (across * across).sum().squareRoot()
        let blur = soft * (0.08 + 0.4 * along)
        let reach = radius + (widest - radius) * min(1, along * 2) * (1.35 - 0.7 * along)
        let cast = 1 - smoothStep(reach * 0.9 - blur, reach + blur, distance)
        let contact = 1 - smoothStep(0, radius * 1.5, distance)
        let dark = max(cast * (1 - 0.35 * along) * scene.light.shadow, contact * 0.45)
        light[row * width + column] *= 1 - dark
      }
    }
  }
}
