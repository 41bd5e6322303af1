/// Things that stand on a table.
extension SceneCatalogue {
  static func apple(_ random: inout SceneRandom) -> Model {
    let red = Color.rgb(random.between(0.7, 0.9), random.between(0.1, 0.25), 0.14)
    let green = Color.rgb(random.between(0.5, 0.75), random.between(0.65, 0.8), 0.25)
    let skin = random.chance(0.65) ? (red, green) : (green, red)
    let material = Material(
      skin.0, skin.1, .noise(frequency: random.between(1.5, 3), stretch: 2.5),
      strength: random.between(0.3, 0.8), gloss: 0.7)
    let leaf = Material(.rgb(0.3, random.between(0.5, 0.62), 0.2), gloss: 0.2)
    let lean = random.around(0, 0.04)
    var parts = [
      Part(.ellipse(rx: 0.3, ry: 0.36), at: -0.14, 0.4, .round, material),
      Part(.ellipse(rx: 0.3, ry: 0.36), at: 0.14, 0.4, .round, material),
      Part(.ellipse(rx: 0.45, ry: 0.4), at: 0, 0.41, .round, material),
      Part(.ellipse(rx: 0.13, ry: 0.035), at: 0, 0.77, .flat, Material(skin.0 * 0.35)),
      Part(
        .box(hx: 0.018, hy: 0.11, corner: 0.01, taper: -0.2), at: lean, 0.87, turns: lean,
        .cylinder, Material(.rgb(0.36, 0.24, 0.14))),
    ]
    if random.chance(0.7) {
      parts.append(
        Part(.ellipse(rx: 0.15, ry: 0.06), at: 0.15, 0.92, turns: 0.06, .bevel(0.05), leaf))
    }
    return Model(parts: parts, footing: 0.36)
  }

  static func bottle(_ random: inout SceneRandom) -> Model {
    let tint: [Color] = [
      .rgb(0.2, 0.42, 0.24), .rgb(0.42, 0.24, 0.12), .rgb(0.2, 0.35, 0.5), .rgb(0.62, 0.7, 0.68),
    ]
    let glass = Material(random.pick(tint), gloss: 1)
    let width = random.between(0.13, 0.17)
    let shoulder = random.between(0.5, 0.62)
    let label = patterned(&random, frequency: 9)
    let cap = Material(vivid(&random), gloss: 0.3)
    return Model(
      parts: [
        Part(
          .box(hx: 0.048, hy: 0.22, corner: 0.02, taper: 0), at: 0, 0.76, .cylinder, glass),
        Part(.ellipse(rx: width, ry: 0.16), at: 0, shoulder, .round, glass),
        Part(
          .box(hx: width, hy: shoulder / 2, corner: 0.03, taper: 0), at: 0, shoulder / 2, .cylinder,
          glass),
        Part(
          .box(hx: width * 1.01, hy: 0.15, corner: 0.005, taper: 0), at: 0, shoulder * 0.5,
          .cylinder, label),
        Part(
          .box(hx: 0.056, hy: 0.04, corner: 0.012, taper: 0), at: 0, 0.96, .cylinder, cap),
      ], footing: width)
  }

  static func mug(_ random: inout SceneRandom) -> Model {
    let body = patterned(&random, frequency: 4)
    let plain = Material(body.color, gloss: body.gloss)
    let width = random.between(0.36, 0.46)
    return Model(
      parts: [
        Part(
          .ring(radius: 0.24, thickness: 0.1), at: width + 0.06, 0.5, .bevel(0.05), plain),
        Part(
          .box(hx: width, hy: 0.45, corner: 0.08, taper: -random.between(0, 0.1)), at: 0, 0.45,
          .cylinder, body),
        Part(.ellipse(rx: width * 1.02, ry: 0.1), at: 0, 0.9, .flat, plain),
        Part(
          .ellipse(rx: width * 0.9, ry: 0.075), at: 0, 0.895, .flat,
          Material(random.chance(0.5) ? .rgb(0.3, 0.18, 0.1) : plain.color * 0.35)),
      ], footing: width)
  }

  static func books(_ random: inout SceneRandom) -> Model {
    var parts: [Part] = []
    let count = 3 + random.below(3)
    let step = 1 / Float(count)
    for level in 0..<count {
      let width = random.between(0.6, 0.85)
      let x = random.around(0, 0.1)
      let y = (Float(level) + 0.5) * step
      let cover = Material(vivid(&random), gloss: 0.15)
      parts.append(
        Part(.box(hx: width, hy: step * 0.5, corner: 0.02, taper: 0), at: x, y, .bevel(0.02), cover)
      )
      let pages = Material(
        gray(0.92), gray(0.75),
        .stripes(SIMD2(0, 1), frequency: 6 / step, share: 0.4), strength: 0.6)
      parts.append(
        Part(
          .box(hx: width * 0.9, hy: step * 0.34, corner: 0.005, taper: 0), at: x + width * 0.11, y,
          .flat, pages))
      let band = Material(vivid(&random))
      parts.append(
        Part(
          .box(hx: 0.05, hy: step * 0.47, corner: 0.005, taper: 0), at: x - width * 0.86, y,
          .flat, random.chance(0.6) ? band : cover))
    }
    return Model(parts: parts, footing: 0.7)
  }

  static func candle(_ random: inout SceneRandom) -> Model {
    let wax = Material(random.chance(0.6) ? pale(&random) : vivid(&random), gloss: 0.25)
    let metal = Material(.rgb(0.62, 0.5, 0.28) * random.between(0.6, 1.2), gloss: 0.9)
    let width = random.between(0.07, 0.13)
    let top = random.between(0.62, 0.72)
    var parts = [
      Part(.ellipse(rx: 0.3, ry: 0.05), at: 0, 0.05, .bevel(0.04), metal),
      Part(.ellipse(rx: 0.25, ry: 0.03), at: 0, 0.07, .flat, Material(metal.color * 0.5)),
      Part(
        .box(hx: width * 1.35, hy: 0.06, corner: 0.01, taper: -0.1), at: 0, 0.12, .cylinder, metal),
      Part(
        .box(hx: width, hy: (top - 0.12) / 2, corner: 0.02, taper: 0), at: 0, (top + 0.12) / 2,
        .cylinder, wax),
      Part(.ellipse(rx: width, ry: 0.02), at: 0, top, .flat, Material(wax.color * 1.2)),
      Part(
        .box(hx: 0.01, hy: 0.035, corner: 0.005, taper: 0), at: 0, top + 0.03, .flat,
        Material(gray(0.15))),
    ]
    let drop: [SIMD2<Float>] = [
      SIMD2(0, 0.13), SIMD2(0.03, 0.04), SIMD2(0.035, -0.03), SIMD2(0, -0.07), SIMD2(-0.035, -0.03),
      SIMD2(-0.03, 0.04),
    ]
    let outer = Material(.rgb(1, 0.72, 0.25), glow: 1.6)
    let inner = Material(.rgb(1, 0.95, 0.75), glow: 1.6)
    parts.append(Part(.polygon(drop, rounding: 0.012), at: 0, top + 0.13, .flat, outer))
    parts.append(Part(.ellipse(rx: 0.02, ry: 0.045), at: 0, top + 0.1, .flat, inner))
    return Model(parts: parts, footing: 0.3)
  }

  static func cactus(_ random: inout SceneRandom) -> Model {
    let green = Color.rgb(random.between(0.2, 0.42), random.between(0.5, 0.66), 0.28)
    let skin = Material(
      green, green * 0.45, .stripes(SIMD2(1, 0), frequency: random.between(16, 22), share: 0.3),
      strength: 0.8)
    let clay = Material(
      random.chance(0.6) ? .rgb(0.75, 0.42, 0.28) : vivid(&random), gloss: 0.1)
    let width = random.between(0.11, 0.15)
    var parts = [
      Part(.box(hx: width, hy: 0.34, corner: width, taper: 0), at: 0, 0.62, .cylinder, skin)
    ]
    for side: Float in [-1, 1] where random.chance(0.8) {
      let y = random.between(0.48, 0.66)
      let reach = width + random.between(0.08, 0.13)
      parts.append(
        Part(
          .box(hx: 0.1, hy: 0.05, corner: 0.05, taper: 0), at: side * (reach - 0.06), y,
          .bevel(0.05),
          Material(green)))
      parts.append(
        Part(
          .box(hx: 0.055, hy: 0.14, corner: 0.055, taper: 0), at: side * reach, y + 0.1, .cylinder,
          skin))
    }
    if random.chance(0.4) {
      parts.append(
        Part(.ellipse(rx: 0.06, ry: 0.045), at: 0, 0.97, .round, Material(.rgb(0.9, 0.4, 0.6))))
    }
    parts.append(
      Part(.box(hx: 0.2, hy: 0.15, corner: 0.02, taper: -0.2), at: 0, 0.15, .cylinder, clay))
    parts.append(
      Part(.box(hx: 0.26, hy: 0.045, corner: 0.02, taper: 0), at: 0, 0.31, .cylinder, clay))
    return Model(parts: parts, footing: 0.18)
  }

  static func lamp(_ random: inout SceneRandom) -> Model {
    let isLit = random.chance(0.6)
    var shade = patterned(&random, frequency: 7)
    shade.glow = isLit ? 0.55 : 0
    let metal = Material(random.chance(0.5) ? gray(0.3) : .rgb(0.7, 0.55, 0.3), gloss: 0.8)
    let body: Part =
      random.chance(0.5)
      ? Part(.ellipse(rx: 0.15, ry: 0.19), at: 0, 0.24, .round, patterned(&random, frequency: 6))
      : Part(.box(hx: 0.025, hy: 0.28, corner: 0.01, taper: 0), at: 0, 0.3, .cylinder, metal)
    return Model(
      parts: [
        Part(.box(hx: 0.02, hy: 0.15, corner: 0.01, taper: 0), at: 0, 0.5, .cylinder, metal),
        Part(.ellipse(rx: 0.19, ry: 0.045), at: 0, 0.045, .bevel(0.04), metal),
        body,
        Part(
          .box(
            hx: random.between(0.22, 0.26), hy: 0.2, corner: 0.01, taper: random.between(0.2, 0.4)),
          at: 0, 0.78, .cylinder, shade),
      ], footing: 0.19)
  }

  static func ball(_ random: inout SceneRandom) -> Model {
    var material = patterned(&random, frequency: 4)
    if random.chance(0.6) {
      material = Material(
        vivid(&random), gray(0.93), .sectors(count: 3 + random.below(2)), gloss: 0.6)
    }
    material.gloss = 0.6
    return Model(
      parts: [
        Part(
          .ellipse(rx: 0.5, ry: 0.5), at: 0, 0.5, turns: random.unit(), .round, material)
      ], footing: 0.3)
  }
}
