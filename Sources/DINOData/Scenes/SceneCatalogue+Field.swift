/// Things that stand in the open.
extension SceneCatalogue {
  static func house(_ random: inout SceneRandom) -> Model {
    let width = random.between(0.55, 0.8)
    let eaves = random.between(0.48, 0.58)
    let wallColor = random.chance(0.6) ? pale(&random) : vivid(&random)
    let wall =
      random.chance(0.4)
      ? Material(wallColor, wallColor * 0.7, .checks(frequency: 14), strength: 0.5)
      : Material(wallColor, wallColor * 0.75, .noise(frequency: 6, stretch: 1), strength: 0.4)
    let tile = random.chance(0.6) ? Color.rgb(0.62, 0.27, 0.2) : gray(random.between(0.3, 0.45))
    let roof = Material(
      tile, tile * 0.6, .stripes(SIMD2(0, 1), frequency: random.between(14, 22), share: 0.35),
      strength: 0.8)
    let glass = Material(.rgb(0.25, 0.33, 0.42), gloss: 0.6)
    let frame = Material(gray(0.92))
    let door = Material(vivid(&random) * 0.7)
    let doorX = random.pick([-0.5, 0, 0.5] as [Float]) * width
    var parts: [Part] = []
    if random.chance(0.6) {
      parts.append(
        Part(
          .box(hx: 0.06, hy: 0.16, corner: 0.005, taper: 0), at: width * random.pick([-0.5, 0.5]),
          0.86, .flat, Material(tile * 0.8)))
    }
    parts.append(
      Part(.box(hx: width, hy: eaves / 2, corner: 0.005, taper: 0), at: 0, eaves / 2, .flat, wall))
    let gable: [SIMD2<Float>] =
      random.chance(0.5)
      ? [SIMD2(-width - 0.08, -0.2), SIMD2(width + 0.08, -0.2), SIMD2(0, 0.26)]
      : [
        SIMD2(-width - 0.08, -0.2), SIMD2(width + 0.08, -0.2), SIMD2(width * 0.72, 0.22),
        SIMD2(-width * 0.72, 0.22),
      ]
    parts.append(Part(.polygon(gable, rounding: 0.005), at: 0, eaves + 0.17, .flat, roof))
    for x in [-0.55, 0, 0.55] as [Float] where abs(x * width - doorX) > 0.1 {
      parts.append(
        Part(
          .box(hx: 0.1, hy: 0.11, corner: 0.005, taper: 0), at: x * width, eaves * 0.58, .flat,
          frame))
      for pane: Float in [-1, 1] {
        parts.append(
          Part(
            .box(hx: 0.037, hy: 0.09, corner: 0, taper: 0), at: x * width + pane * 0.045,
            eaves * 0.58, .flat, glass))
      }
    }
    parts.append(
      Part(.box(hx: 0.085, hy: 0.16, corner: 0.005, taper: 0), at: doorX, 0.16, .bevel(0.01), door))
    return Model(parts: parts, footing: width)
  }

  static func tree(_ random: inout SceneRandom) -> Model {
    let bark = Color.rgb(0.42, 0.3, 0.2) * random.between(0.6, 1.2)
    let trunk = Material(bark, bark * 0.4, .noise(frequency: 18, stretch: 0.25))
    let green = Color.rgb(random.between(0.2, 0.5), random.between(0.42, 0.6), 0.2)
    let autumn = Color.rgb(random.between(0.7, 0.9), random.between(0.4, 0.6), 0.15)
    let leaf = random.chance(0.8) ? green : autumn
    let leaves = Material(leaf, leaf * 0.35, .noise(frequency: 11, stretch: 1), strength: 0.9)
    var parts = [
      Part(.box(hx: 0.05, hy: 0.25, corner: 0.01, taper: 0.3), at: 0, 0.25, .cylinder, trunk)
    ]
    if random.chance(0.45) {
      // A conifer: three skirts, wide ones below.
      let width = random.between(0.26, 0.36)
      for level in 0..<3 {
        let share = 1 - Float(level) * 0.27
        let skirt: [SIMD2<Float>] = [
          SIMD2(-width * share, -0.2), SIMD2(width * share, -0.2), SIMD2(0, 0.22),
        ]
        parts.append(
          Part(
            .polygon(skirt, rounding: 0.02), at: 0, 0.36 + Float(level) * 0.2, .bevel(0.12), leaves)
        )
      }
    } else {
      // A crown of overlapping balls; the ones in front are drawn last.
      for index in 0..<(6 + random.below(3)) {
        let (sine, cosine) = Turn.sineCosine(random.unit())
        let reach: Float = index < 5 ? random.between(0.12, 0.2) : 0.06
        parts.append(
          Part(
            .ellipse(rx: random.between(0.16, 0.22), ry: random.between(0.14, 0.19)),
            at: cosine * reach, 0.68 + sine * reach, turns: random.unit(), .round, leaves))
      }
    }
    return Model(parts: parts, footing: 0.12)
  }

  static func car(_ random: inout SceneRandom) -> Model {
    let paint = Material(vivid(&random), gloss: 0.9)
    let glass = Material(.rgb(0.2, 0.27, 0.34), gloss: 1)
    let rubber = Material(gray(0.13))
    let rim = Material(gray(0.7), gloss: 0.8)
    let length: Float = 1.25
    let back = random.between(-0.85, -0.6)
    let cabin: [SIMD2<Float>] = [
      SIMD2(back, -0.2), SIMD2(0.72, -0.2), SIMD2(0.34, 0.2), SIMD2(back + 0.26, 0.2),
    ]
    let window: [SIMD2<Float>] = [
      SIMD2(back + 0.13, -0.12), SIMD2(0.54, -0.12), SIMD2(0.29, 0.13), SIMD2(back + 0.3, 0.13),
    ]
    var parts = [
      Part(.polygon(cabin, rounding: 0.05), at: 0, 0.72, .bevel(0.08), paint),
      Part(.polygon(window, rounding: 0.02), at: 0, 0.72, .flat, glass),
      Part(
        .box(hx: 0.025, hy: 0.16, corner: 0, taper: 0), at: -0.12, 0.72, .flat, paint),
      Part(
        .box(hx: length, hy: 0.2, corner: 0.12, taper: 0.05), at: 0, 0.4, .bevel(0.16), paint),
      Part(
        .box(hx: 0.09, hy: 0.05, corner: 0.03, taper: 0), at: length - 0.1, 0.46, .flat,
        Material(.rgb(1, 0.96, 0.8), gloss: 0.5, glow: 0.3)),
      Part(
        .box(hx: 0.06, hy: 0.05, corner: 0.02, taper: 0), at: -length + 0.07, 0.46, .flat,
        Material(.rgb(0.8, 0.1, 0.1), gloss: 0.5)),
    ]
    for x: Float in [-0.74, 0.74] {
      parts.append(Part(.ellipse(rx: 0.26, ry: 0.26), at: x, 0.24, .bevel(0.06), rubber))
      parts.append(Part(.ellipse(rx: 0.14, ry: 0.14), at: x, 0.24, .bevel(0.05), rim))
      parts.append(Part(.ellipse(rx: 0.05, ry: 0.05), at: x, 0.24, .flat, rubber))
    }
    return Model(parts: parts, footing: 1.15)
  }

  static func sign(_ random: inout SceneRandom) -> Model {
    let pole = Material(gray(random.between(0.45, 0.65)), gloss: 0.7)
    let white = Material(gray(0.94))
    let red = Material(.rgb(0.8, 0.12, 0.14))
    let blue = Material(.rgb(0.13, 0.33, 0.68))
    let yellow = Material(.rgb(0.96, 0.77, 0.16))
    let black = Material(gray(0.12))
    var parts = [
      Part(.box(hx: 0.022, hy: 0.42, corner: 0.01, taper: 0), at: 0, 0.42, .cylinder, pole)
    ]
    let top: Float = 0.78
    switch random.below(4) {
    case 0:
      parts.append(Part(.ellipse(rx: 0.21, ry: 0.21), at: 0, top, .flat, red))
      parts.append(
        random.chance(0.5)
          ? Part(.box(hx: 0.14, hy: 0.04, corner: 0, taper: 0), at: 0, top, .flat, white)
          : Part(.ellipse(rx: 0.15, ry: 0.15), at: 0, top, .flat, white))
    case 1:
      let outer: [SIMD2<Float>] = [SIMD2(-0.22, -0.15), SIMD2(0.22, -0.15), SIMD2(0, 0.23)]
      parts.append(Part(.polygon(outer, rounding: 0.02), at: 0, top, .flat, red))
      parts.append(
        Part(.polygon(outer.map { $0 * 0.62 }, rounding: 0.01), at: 0, top - 0.01, .flat, white))
      parts.append(
        Part(.box(hx: 0.016, hy: 0.06, corner: 0.01, taper: 0), at: 0, top, .flat, black))
    case 2:
      parts.append(
        Part(.box(hx: 0.2, hy: 0.2, corner: 0.03, taper: 0), at: 0, top, .flat, blue))
      let arrow: [SIMD2<Float>] = [SIMD2(-0.12, -0.02), SIMD2(0.12, -0.02), SIMD2(0, 0.13)]
      parts.append(Part(.polygon(arrow, rounding: 0), at: 0, top + 0.02, .flat, white))
      parts.append(
        Part(.box(hx: 0.035, hy: 0.07, corner: 0, taper: 0), at: 0, top - 0.07, .flat, white))
    default:
      parts.append(
        Part(
          .box(hx: 0.17, hy: 0.17, corner: 0.02, taper: 0), at: 0, top, turns: 0.125, .flat, white))
      parts.append(
        Part(
          .box(hx: 0.145, hy: 0.145, corner: 0.015, taper: 0), at: 0, top, turns: 0.125, .flat,
          yellow
        ))
    }
    return Model(parts: parts, footing: 0.04)
  }

  static func sheep(_ random: inout SceneRandom) -> Model {
    let tone = random.between(0.8, 0.95)
    let wool = Material(
      .rgb(tone, tone * 0.98, tone * 0.9), gray(0.55), .noise(frequency: 9, stretch: 1),
      strength: 0.55)
    let face = Material(random.chance(0.6) ? gray(0.18) : .rgb(0.8, 0.68, 0.58))
    var parts: [Part] = []
    for x in [-0.36, -0.22, 0.24, 0.38] as [Float] {
      parts.append(
        Part(.box(hx: 0.045, hy: 0.2, corner: 0.03, taper: 0), at: x, 0.2, .cylinder, face))
    }
    for index in 0..<7 {
      let (sine, cosine) = Turn.sineCosine(Float(index) / 7 + random.around(0, 0.02))
      parts.append(
        Part(
          .ellipse(rx: 0.21, ry: 0.19), at: cosine * 0.36, 0.58 + sine * 0.16, .round, wool))
    }
    parts.append(Part(.ellipse(rx: 0.46, ry: 0.29), at: 0, 0.58, .round, wool))
    let y = random.between(0.66, 0.85)
    parts.append(Part(.ellipse(rx: 0.06, ry: 0.11), at: 0.5, y + 0.02, turns: -0.2, .round, face))
    parts.append(Part(.ellipse(rx: 0.12, ry: 0.17), at: 0.62, y - 0.05, turns: 0.1, .round, face))
    parts.append(Part(.ellipse(rx: 0.13, ry: 0.09), at: 0.55, y + 0.1, .round, wool))
    parts.append(
      Part(.ellipse(rx: 0.022, ry: 0.025), at: 0.64, y, .flat, Material(gray(0.95))))
    return Model(parts: parts, footing: 0.45)
  }

  static func windmill(_ random: inout SceneRandom) -> Model {
    let wallColor = random.chance(0.5) ? pale(&random) : .rgb(0.6, 0.38, 0.28)
    let wall = Material(wallColor, wallColor * 0.7, .checks(frequency: 16), strength: 0.4)
    let roof = Material(.rgb(0.35, 0.24, 0.2), gloss: 0.1)
    let sail = Material(gray(0.9), gray(0.6), .checks(frequency: 22), strength: 0.6)
    let beam = Material(.rgb(0.32, 0.22, 0.15))
    var parts = [
      Part(.box(hx: 0.17, hy: 0.33, corner: 0.01, taper: 0.3), at: 0, 0.33, .cylinder, wall),
      Part(.ellipse(rx: 0.14, ry: 0.11), at: 0, 0.68, .round, roof),
      Part(.box(hx: 0.05, hy: 0.075, corner: 0.02, taper: 0), at: 0, 0.075, .flat, beam),
      Part(.box(hx: 0.03, hy: 0.04, corner: 0.005, taper: 0), at: 0, 0.4, .flat, beam),
    ]
    let turn = random.unit()
    for blade in 0..<4 {
      let angle = turn + Float(blade) / 4
      let (sine, cosine) = Turn.sineCosine(angle)
      parts.append(
        Part(
          .box(hx: 0.17, hy: 0.011, corner: 0, taper: 0), at: cosine * 0.17, 0.68 + sine * 0.17,
          turns: angle, .flat, beam))
      let (x, y) = (cosine * 0.21 - sine * 0.03, sine * 0.21 + cosine * 0.03)
      parts.append(
        Part(
          .box(hx: 0.13, hy: 0.032, corner: 0, taper: 0), at: x, 0.68 + y, turns: angle, .flat, sail
        ))
    }
    parts.append(Part(.ellipse(rx: 0.03, ry: 0.03), at: 0, 0.68, .round, beam))
    return Model(parts: parts, footing: 0.17)
  }
}
