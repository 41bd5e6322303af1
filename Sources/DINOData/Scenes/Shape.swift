/// An outline in the plane of an object; x to the right, y up.
enum Shape: Sendable, Equatable {
  /// An ellipse with half axes.
  case ellipse(rx: Float, ry: Float)
  /// A rectangle with half sides and rounded corners; `taper` narrows it towards the top.
  case box(hx: Float, hy: Float, corner: Float, taper: Float)
  /// A simple polygon, counter-clockwise or not, with rounded corners.
  case polygon([SIMD2<Float>], rounding: Float)
  /// A circle's line of some thickness.
  case ring(radius: Float, thickness: Float)

  /// Half the sides of a rectangle around the origin that holds the outline.
  var extent: SIMD2<Float> {
    switch self {
    case .ellipse(let rx, let ry): return SIMD2(rx, ry)
    case .box(let hx, let hy, _, let taper): return SIMD2(hx * max(1, 1 + taper), hy)
    case .polygon(let points, let rounding):
      let reach = points.reduce(SIMD2<Float>()) { reach, point in
        SIMD2(max(reach.x, abs(point.x)), max(reach.y, abs(point.y)))
      }
      return reach + SIMD2(rounding, rounding)
    case .ring(let radius, let thickness):
      return SIMD2(repeating: radius + thickness / 2)
    }
  }

  /// The signed distance of a point (negative inside; near the outline to first order exact) and
  /// the direction in which it grows.
  @inline(__always)
  func distance(_ p: SIMD2<Float>) -> (distance: Float, gradient: SIMD2<Float>) {
    switch self {
    case .ellipse(let rx, let ry):
      // f = |p / r| - 1, divided by the length of its gradient.
      let q = SIMD2(p.x / rx, p.y / ry)
      let length = (q * q).sum().squareRoot()
      guard length > 1e-6 else { return (-min(rx, ry), SIMD2(0, 1)) }
      let slope = SIMD2(q.x / rx, q.y / ry) / length
      let steepness = (slope * slope).sum().squareRoot()
      return ((length - 1) / steepness, slope / steepness)
    case .box(let hx, let hy, let corner, let taper):
      let width = hx * (1 - taper * (p.y / hy))
      let q = SIMD2(abs(p.x) - width + corner, abs(p.y) - hy + corner)
      let signs = SIMD2<Float>(p.x < 0 ? -1 : 1, p.y < 0 ? -1 : 1)
      if q.x > 0, q.y > 0 {
        let length = max((q * q).sum().squareRoot(), 1e-6)
        return (length - corner, q / length * signs)
      }
      return q.x > q.y
        ? (q.x - corner, SIMD2(signs.x, 0)) : (q.y - corner, SIMD2(0, signs.y))
    case .polygon(let points, let rounding):
      return Shape.polygonDistance(p, points, rounding)
    case .ring(let radius, let thickness):
      let length = max((p * p).sum().squareRoot(), 1e-6)
      let side: Float = length < radius ? -1 : 1
      return (abs(length - radius) - thickness / 2, p / length * side)
    }
  }

  private static func polygonDistance(
    _ p: SIMD2<Float>, _ points: [SIMD2<Float>], _ rounding: Float
  ) -> (distance: Float, gradient: SIMD2<Float>) {
    var nearest = Float.greatestFiniteMagnitude
    var away = SIMD2<Float>(0, 1)
    var isInside = false
    var previous = points[points.count - 1]
    for point in points {
      let edge = point - previous
      let offset = p - previous
      let along = max(0, min(1, (offset * edge).sum() / max((edge * edge).sum(), 1e-12)))
      let toward = offset - edge * along
      let square = (toward * toward).sum()
      if square < nearest { (nearest, away) = (square, toward) }
      // A ray to the right crosses the edge.
      if (previous.y > p.y) != (point.y > p.y),
        p.x < previous.x + (p.y - previous.y) / (point.y - previous.y) * edge.x
      {
        isInside.toggle()
      }
      previous = point
    }
    let length = max(nearest.squareRoot(), 1e-6)
    return isInside ? (-length - rounding, away / -length) : (length - rounding, away / length)
  }
}

/// How a surface bulges towards the viewer.
enum Relief: Sendable, Equatable {
  /// Flat, facing the viewer.
  case flat
  /// As a ball or egg that fills the outline's extent.
  case round
  /// As a standing cylinder that fills the outline's width.
  case cylinder
  /// Flat with an edge that falls off over a width.
  case bevel(Float)
}

/// The pattern on a surface, in the part's own coordinates.
enum Pattern: Sendable, Equatable {
  /// One colour.
  case plain
  /// Stripes: direction as a unit vector, stripes per unit length, share of the second colour.
  case stripes(SIMD2<Float>, frequency: Float, share: Float)
  /// A chequered pattern with fields per unit length.
  case checks(frequency: Float)
  /// Round spots on a jittered grid.
  case spots(frequency: Float, radius: Float)
  /// Blotches of the second colour; the stretch makes grain as in wood.
  case noise(frequency: Float, stretch: Float)
  /// Sectors around the middle, as on a beach ball.
  case sectors(count: Int)
}

/// A surface: colours, pattern and gloss.
struct Material: Sendable, Equatable {
  var color: Color
  var second: Color
  var pattern: Pattern = .plain
  /// How strongly the second colour shows, 0 to 1.
  var strength: Float = 1
  /// The height of the highlight, 0 to 1.
  var gloss: Float = 0
  /// Light that the surface gives off itself, 0 to 1.
  var glow: Float = 0

  init(_ color: Color, gloss: Float = 0, glow: Float = 0) {
    self.color = color
    second = color
    self.gloss = gloss
    self.glow = glow
  }

  init(
    _ color: Color, _ second: Color, _ pattern: Pattern, strength: Float = 1, gloss: Float = 0
  ) {
    self.color = color
    self.second = second
    self.pattern = pattern
    self.strength = strength
    self.gloss = gloss
  }
}

/// One piece of an object.
struct Part: Sendable, Equatable {
  let shape: Shape
  /// The middle of the shape in the object's coordinates: 0 at the foot, about 1 at the top.
  let center: SIMD2<Float>
  /// The rotation, counter-clockwise, as sine and cosine.
  let turn: SIMD2<Float>
  let relief: Relief
  let material: Material

  init(
    _ shape: Shape, at x: Float, _ y: Float, turns: Float = 0, _ relief: Relief = .flat,
    _ material: Material
  ) {
    self.shape = shape
    center = SIMD2(x, y)
    let (sine, cosine) = Turn.sineCosine(turns)
    turn = SIMD2(sine, cosine)
    self.relief = relief
    self.material = material
  }
}
