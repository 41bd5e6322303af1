/// Small things without a class.
extension SceneCatalogue {
  /// Something small on a table: a stone, a block, a coin, a pencil or a cone.
  static func tableClutter(_ random: inout SceneRandom) -> Model {
    let material = patterned(&random, frequency: 3)
    switch random.below(5) {
    case 0:
      let stone = Color.rgb(0.55, 0.52, 0.48) * random.between(0.4, 1.4)
      return Model(
        parts: [
          Part(
            .ellipse(rx: random.between(0.5, 0.9), ry: 0.5), at: 0, 0.48, .round,
            Material(stone, stone * 0.5, .noise(frequency: 4, stretch: 1), strength: 0.6))
        ], footing: 0.55)
    case 1:
      return Model(
        parts: [
          Part(
            .box(hx: random.between(0.35, 0.7), hy: 0.5, corner: 0.06, taper: 0), at: 0, 0.5,
            .bevel(0.07), material)
        ], footing: 0.5)
    case 2:
      let metal = Material(.rgb(0.8, 0.62, 0.32) * random.between(0.5, 1.2), gloss: 1)
      return Model(
        parts: [
          Part(.ellipse(rx: 0.9, ry: 0.28), at: 0, 0.24, .bevel(0.08), Material(metal.color * 0.5)),
          Part(.ellipse(rx: 0.9, ry: 0.28), at: 0, 0.36, .bevel(0.06), metal),
        ], footing: 0.85)
    case 3:
      let tip = Material(.rgb(0.85, 0.68, 0.48))
      return Model(
        parts: [
          Part(
            .polygon([SIMD2(0, 0.17), SIMD2(0, -0.17), SIMD2(0.5, 0)], rounding: 0.01), at: 2, 0.2,
            .flat, tip),
          Part(
            .box(hx: 2, hy: 0.2, corner: 0.02, taper: 0), at: 0, 0.2, .flat,
            Material(
              material.color, material.color * 0.5,
              .stripes(SIMD2(0, 1), frequency: 5, share: 0.35), gloss: 0.4)),
        ], footing: 1.8)
    default:
      return Model(
        parts: [
          Part(
            .polygon([SIMD2(-0.45, -0.5), SIMD2(0.45, -0.5), SIMD2(0, 0.5)], rounding: 0.02),
            at: 0, 0.5, .bevel(0.2), material)
        ], footing: 0.4)
    }
  }

  /// Something small in the open: a bush, a rock, a fence or a tuft of flowers.
  static func fieldClutter(_ random: inout SceneRandom) -> Model {
    let green = Color.rgb(random.between(0.25, 0.45), random.between(0.42, 0.58), 0.22)
    switch random.below(4) {
    case 0:
      let leaves = Material(green, green * 0.35, .noise(frequency: 8, stretch: 1), strength: 0.9)
      return Model(
        parts: (0..<4).map { index in
          Part(
            .ellipse(rx: 0.42, ry: random.between(0.3, 0.45)), at: Float(index) * 0.36 - 0.54,
            random.between(0.32, 0.5), .round, leaves)
        }, footing: 0.8)
    case 1:
      let stone = Color.rgb(0.5, 0.49, 0.47) * random.between(0.5, 1.3)
      let corners = (0..<7).map { index -> SIMD2<Float> in
        let (sine, cosine) = Turn.sineCosine(Float(index) / 7 + random.around(0, 0.03))
        return SIMD2(cosine * 0.7, sine * 0.42)
      }
      return Model(
        parts: [
          Part(
            .polygon(corners, rounding: 0.06), at: 0, 0.42, .bevel(0.3),
            Material(stone, stone * 0.5, .noise(frequency: 5, stretch: 1.5), strength: 0.7))
        ], footing: 0.65)
    case 2:
      let wood = Color.rgb(0.55, 0.42, 0.3) * random.between(0.6, 1.4)
      let plank = Material(wood, wood * 0.5, .noise(frequency: 9, stretch: 0.2))
      var parts = [0.35, 0.72].map { y in
        Part(.box(hx: 1.6, hy: 0.07, corner: 0.01, taper: 0), at: 0, y, .flat, plank)
      }
      for post in 0..<5 {
        parts.append(
          Part(
            .box(hx: 0.09, hy: 0.5, corner: 0.03, taper: 0), at: Float(post) * 0.75 - 1.5, 0.5,
            .cylinder, plank))
      }
      return Model(parts: parts, footing: 1.4)
    default:
      let stem = Material(green)
      let petal = Material(vivid(&random) * 1.2)
      var parts: [Part] = []
      for index in 0..<5 {
        let x = Float(index) * 0.22 - 0.44 + random.around(0, 0.06)
        let top = random.between(0.6, 0.95)
        parts.append(
          Part(.box(hx: 0.025, hy: top / 2, corner: 0, taper: 0), at: x, top / 2, .flat, stem))
        parts.append(Part(.ellipse(rx: 0.12, ry: 0.11), at: x, top, .round, petal))
        parts.append(
          Part(.ellipse(rx: 0.045, ry: 0.04), at: x, top, .flat, Material(.rgb(0.95, 0.8, 0.3))))
      }
      return Model(parts: parts, footing: 0.3)
    }
  }
}
