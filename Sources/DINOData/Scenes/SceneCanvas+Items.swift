extension SceneCanvas {
  /// Draws an item over what lies behind it.
  mutating func draw(_ index: Int) {
    let item = scene.items[index]
    let camera = scene.camera
    let size = camera.focal * item.height / item.z  // image plane units per unit of the item
    let foot = SIMD2(camera.focal * item.x / item.z, camera.row(ofGroundAt: item.z))
    // Towards the viewer's eye, for highlights: half way between light and view.
    var half = scene.light.direction + SIMD3(0, 0, 1)
    half /= (half * half).sum().squareRoot()
    for (number, part) in item.parts.enumerated() {
      let stroke = Stroke(
        part: part, size: size, foot: foot, flip: item.isFlipped ? -1 : 1, half: half,
        seed: scene.noiseSeed &+ UInt32(truncatingIfNeeded: index * 64 + number) &* 0x9E37,
        owner: UInt8(truncatingIfNeeded: index + 1), z: item.z, height: item.height)
      draw(stroke)
    }
  }

  /// One part of an item, placed in the picture.
  private struct Stroke {
    let part: Part
    let size: Float
    let foot: SIMD2<Float>
    let flip: Float
    let half: SIMD3<Float>
    let seed: UInt32
    let owner: UInt8
    let z: Float
    let height: Float
  }

  private mutating func draw(_ stroke: Stroke) {
    let part = stroke.part
    let extent = part.shape.extent
    let turn = SIMD2(abs(part.turn.x), abs(part.turn.y))
    // The sides of the rotated rectangle, with a margin of a pixel.
    let pixel = 1 / (scale * stroke.size)
    let reach =
      SIMD2(extent.x * turn.y + extent.y * turn.x, extent.x * turn.x + extent.y * turn.y)
      + SIMD2(pixel, pixel)
    let u0 = stroke.foot.x + stroke.flip * part.center.x * stroke.size
    let v0 = stroke.foot.y - part.center.y * stroke.size
    let columns = SceneCanvas.pixels(
      from: u0 - reach.x * stroke.size, to: u0 + reach.x * stroke.size, scale: scale, count: width)
    let rows = SceneCanvas.pixels(
      from: v0 - reach.y * stroke.size, to: v0 + reach.y * stroke.size, scale: scale, count: height)
    let (sine, cosine) = (part.turn.x, part.turn.y)
    for row in rows {
      let y = (v0 - v(row)) / stroke.size
      for column in columns {
        let x = (u(column) - u0) / stroke.size * stroke.flip
        // Into the part's own axes: turned back.
        let p = SIMD2(cosine * x + sine * y, cosine * y - sine * x)
        let (distance, gradient) = part.shape.distance(p)
        let coverage = min(1, 0.5 - distance / pixel)
        guard coverage > 0 else { continue }
        let surface = part.surface(at: p, distance: distance, gradient: gradient, extent: extent)
        let normal = SIMD3(
          (cosine * surface.normal.x - sine * surface.normal.y) * stroke.flip,
          sine * surface.normal.x + cosine * surface.normal.y, surface.normal.z)
        let color = shaded(
          part, at: p, normal: normal, aboveGround: y + part.center.y, pixel: pixel, stroke)
        let index = row * width + column
        light[index] = light[index].mixed(with: hazed(color, at: stroke.z), coverage)
        if coverage > 0.5 {
          depth[index] = max(stroke.z - surface.bulge * stroke.height, stroke.z * 0.5)
          owner[index] = stroke.owner
        }
      }
    }
  }

  /// The light that a point of a part sends to the viewer.
  @inline(__always)
  private func shaded(
    _ part: Part, at p: SIMD2<Float>, normal: SIMD3<Float>, aboveGround: Float, pixel: Float,
    _ stroke: Stroke
  ) -> Color {
    let lighting = scene.light
    let material = part.material
    let color = material.texture(p, blur: pixel, seed: stroke.seed)
    let diffuse = max(0, (normal * lighting.direction).sum())
    let sky = 0.8 + 0.35 * normal.y
    let grounded = 0.6 + 0.4 * smoothStep(-0.02, 0.22, aboveGround)
    var result = color * (lighting.ambient * sky + lighting.color * diffuse) * grounded
    if material.gloss > 0 {
      let facing = max(0, (normal * stroke.half).sum())
      let f2 = facing * facing
      let f4 = f2 * f2
      let f8 = f4 * f4
      let f16 = f8 * f8
      result += lighting.color * (f16 * f16 * f8 * material.gloss * 0.5)
    }
    return material.glow > 0 ? result + color * material.glow : result
  }
}

extension Part {
  /// The direction a point of the part faces, in the part's axes, and how far it stands out, in
  /// units of the item.
  @inline(__always)
  func surface(
    at p: SIMD2<Float>, distance: Float, gradient: SIMD2<Float>, extent: SIMD2<Float>
  ) -> (normal: SIMD3<Float>, bulge: Float) {
    switch relief {
    case .flat:
      return (SIMD3(0, 0, 1), 0)
    case .round:
      let q = SIMD2(p.x / extent.x, p.y / extent.y) * 0.98
      let nz = max(0.02, 1 - (q * q).sum()).squareRoot()
      let normal = SIMD3(q.x, q.y, nz)
      return (normal / (normal * normal).sum().squareRoot(), nz * min(extent.x, extent.y))
    case .cylinder:
      let q = max(-0.98, min(0.98, p.x / extent.x))
      let nz = (1 - q * q).squareRoot()
      return (SIMD3(q, 0, nz), nz * extent.x)
    case .bevel(let width):
      let rise = max(0, min(1, -distance / width))
      let slope = (1 - rise) * 0.95
      let n = gradient * slope
      return (SIMD3(n.x, n.y, (1 - slope * slope).squareRoot()), rise * width * 0.6)
    }
  }
}

extension Material {
  /// The surface's own colour at a point; detail finer than `blur` fades into the mean.
  @inline(__always)
  func texture(_ p: SIMD2<Float>, blur: Float, seed: UInt32) -> Color {
    let share: Float
    switch pattern {
    case .plain: return color
    case .stripes(let direction, let frequency, let width):
      let t = (p * direction).sum() * frequency
      share = Material.band(t, width: width, blur: blur * frequency)
    case .checks(let frequency):
      let soft = blur * frequency
      let a = Material.band(p.x * frequency * 0.5, width: 0.5, blur: soft * 0.5)
      let b = Material.band(p.y * frequency * 0.5, width: 0.5, blur: soft * 0.5)
      share = a + b - 2 * a * b
    case .spots(let frequency, let radius):
      let q = p * frequency
      let (column, row) = (Noise.floor(q.x), Noise.floor(q.y))
      let jitter = SIMD2(
        Noise.unit(column, row, seed) - 0.5, Noise.unit(column, row, seed &+ 1) - 0.5)
      let middle = SIMD2(Float(column) + 0.5, Float(row) + 0.5) + jitter * (1 - 2 * radius)
      let offset = q - middle
      let distance = (offset * offset).sum().squareRoot() - radius
      let soft = max(blur * frequency, 1e-6)
      share =
        soft > 1 ? radius * radius * 3.14 : max(0, min(1, 0.5 - distance / soft))
    case .noise(let frequency, let stretch):
      let fade = 1 - smoothStep(0.25, 1, blur * frequency * 2)
      let noise = Noise.cloudy(p.x * frequency, p.y * frequency * stretch, seed)
      share = 0.5 + (smoothStep(0.22, 0.78, noise) - 0.5) * fade
    case .sectors(let count):
      share = Material.sector(p, count: count, blur: blur)
    }
    return color.mixed(with: second, share * strength)
  }

  /// The share of the second colour at a place on a line of stripes with period 1.
  @inline(__always)
  private static func band(_ t: Float, width: Float, blur: Float) -> Float {
    let soft = max(blur, 1e-6)
    guard soft < 1 else { return width }
    let phase = t - Float(Noise.floor(t))
    // Distance to the band's nearer edge, positive inside; the band is 0 ..< width.
    let inside = phase < width ? min(phase, width - phase) : -min(phase - width, 1 - phase)
    let sharp = max(0, min(1, inside / soft + 0.5))
    return sharp + (width - sharp) * soft
  }

  /// Alternating sectors: signs of the sides on which a point lies of lines through the middle.
  @inline(__always)
  private static func sector(_ p: SIMD2<Float>, count: Int, blur: Float) -> Float {
    var product: Float = 1
    for line in 0..<count {
      let (sine, cosine) = Turn.sineCosine(Float(line) * 0.5 / Float(count))
      let side = (p.x * sine - p.y * cosine) / max(blur, 1e-6)
      product *= max(-1, min(1, side * 2))
    }
    return 0.5 - product * 0.5
  }
}
