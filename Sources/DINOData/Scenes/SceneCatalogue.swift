/// The kinds of things that scenes show.
enum SceneCatalogue {
  /// Where a thing may stand.
  enum Setting: Sendable {
    case table
    case field
    case anywhere
  }

  /// A built thing.
  struct Model {
    var parts: [Part]
    /// Half the width of the foot in units of the height.
    var footing: Float

    /// How far the parts reach to the left or right of the foot, in units of the height.
    var halfWidth: Float {
      parts.reduce(footing) { reach, part in
        let extent = part.shape.extent
        let side = extent.x * abs(part.turn.y) + extent.y * abs(part.turn.x)
        return max(reach, abs(part.center.x) + side)
      }
    }
  }

  /// A class of things.
  struct Kind: Sendable {
    let name: String
    let setting: Setting
    /// Least and largest height in metres.
    let heights: (Float, Float)
    let build: @Sendable (inout SceneRandom) -> Model
  }

  /// The classes; an index into this list is a class index.
  static let classes: [Kind] = [
    Kind(name: "apple", setting: .table, heights: (0.07, 0.1), build: apple),
    Kind(name: "bottle", setting: .table, heights: (0.22, 0.32), build: bottle),
    Kind(name: "mug", setting: .table, heights: (0.08, 0.12), build: mug),
    Kind(name: "books", setting: .table, heights: (0.1, 0.18), build: books),
    Kind(name: "candle", setting: .table, heights: (0.14, 0.28), build: candle),
    Kind(name: "cactus", setting: .table, heights: (0.15, 0.35), build: cactus),
    Kind(name: "lamp", setting: .table, heights: (0.3, 0.5), build: lamp),
    Kind(name: "ball", setting: .anywhere, heights: (0.15, 0.3), build: ball),
    Kind(name: "house", setting: .field, heights: (4.5, 7), build: house),
    Kind(name: "tree", setting: .field, heights: (3.5, 8), build: tree),
    Kind(name: "car", setting: .field, heights: (1.4, 1.7), build: car),
    Kind(name: "sign", setting: .field, heights: (2, 2.6), build: sign),
    Kind(name: "sheep", setting: .field, heights: (0.8, 1.1), build: sheep),
    Kind(name: "windmill", setting: .field, heights: (8, 12), build: windmill),
  ]

  /// A strong colour of any hue.
  static func vivid(_ random: inout SceneRandom) -> Color {
    let palette: [Color] = [
      .rgb(0.85, 0.2, 0.18), .rgb(0.95, 0.55, 0.15), .rgb(0.95, 0.8, 0.25), .rgb(0.35, 0.62, 0.25),
      .rgb(0.15, 0.55, 0.55), .rgb(0.2, 0.4, 0.75), .rgb(0.45, 0.3, 0.65), .rgb(0.85, 0.45, 0.55),
      .rgb(0.9, 0.88, 0.82), .rgb(0.3, 0.32, 0.36),
    ]
    let color = random.pick(palette)
    return color * random.between(0.7, 1.25)
  }

  /// A pale colour, as of plaster or paper.
  static func pale(_ random: inout SceneRandom) -> Color {
    .rgb(random.between(0.78, 0.95), random.between(0.76, 0.92), random.between(0.68, 0.9))
  }

  static func gray(_ value: Float) -> Color { .rgb(value, value, value) }

  /// A vivid surface: plain, striped, chequered, spotted or blotched.
  static func patterned(_ random: inout SceneRandom, frequency: Float) -> Material {
    let color = vivid(&random)
    let second = random.chance(0.5) ? vivid(&random) : color * 0.45
    let (sine, cosine) = Turn.sineCosine(random.pick([0, 0.25, 0.125, -0.125]))
    let f = frequency * random.between(0.7, 1.4)
    let gloss = random.between(0, 0.5)
    return switch random.below(5) {
    case 0:
      Material(
        color, second,
        .stripes(SIMD2(cosine, sine), frequency: f, share: random.between(0.25, 0.6)),
        gloss: gloss)
    case 1: Material(color, second, .checks(frequency: f), gloss: gloss)
    case 2:
      Material(color, second, .spots(frequency: f, radius: random.between(0.2, 0.36)), gloss: gloss)
    case 3: Material(color, second, .noise(frequency: f, stretch: 1), strength: 0.6, gloss: gloss)
    default: Material(color, gloss: gloss)
    }
  }
}
