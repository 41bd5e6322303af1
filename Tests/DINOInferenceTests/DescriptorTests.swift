import DINOData
import DINOInference
import DINOModels
import DINOTestSupport
import Foundation
import Imaging
import Testing

@Suite("Descriptors")
struct DescriptorTests {
  private let folder: TemporaryFolder
  private let model: DINOv2
  private let preprocessing: Preprocessing

  init() async throws {
    folder = try TemporaryFolder()
    var request = ModelRequest(weights: try writeSmallModel(in: folder))
    request.numHeads = 3
    model = try await DINOv2.load(request)
    preprocessing = Preprocessing(resize: 56, crop: nil)
  }

  private static func image(_ index: Int) throws -> PixelBuffer {
    let size = Size(height: 56 + 20 * (index % 3), width: 70)
    var image = try PixelBuffer(size: size, fill: RGB(UInt8(40 * index), 90, 200))
    for row in 0..<20 { image.setColor(RGB(255, UInt8(9 * row), 0), row: row, column: 5 + index) }
    return image
  }

  private func descriptors(
    _ recipe: DescriptorRecipe, _ images: [PixelBuffer], batch: Int = 4,
    _ preprocessing: Preprocessing? = nil
  ) async throws -> [[Float]] {
    var job = DescriptorJob(recipe, preprocessing ?? self.preprocessing)
    job.batch = batch
    var rows: [[Float]] = []
    try await job(
      images, with: model, load: { .init($0, note: ()) },
      each: { outcomes in
        for outcome in outcomes {
          #expect(outcome.index == rows.count)
          rows.append(try outcome.result.get().descriptor ?? [])
        }
      })
    return rows
  }

  private static func unit(_ values: [Double]) -> [Double] {
    let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return values.map { $0 / norm }
  }

  private static func difference(_ one: [Float], _ other: [Double]) -> Double {
    guard one.count == other.count else { return .infinity }
    return zip(one, other).map { abs(Double($0) - $1) }.max() ?? 0
  }

  /// Five centres in seven directions, which neither are orthogonal nor fit the tokens.
  private static func vocabulary() throws -> PatchVocabulary {
    func values(_ count: Int, _ step: Int) -> [Float] {
      (0..<count).map { Float($0 * step % 23) / 11 - 1 }
    }
    return try PatchVocabulary(
      mean: values(48, 5), directions: values(7 * 48, 7), centres: values(5 * 7, 9))
  }

  /// Sums around the nearest centres, straight from their definition.
  private static func sums(
    _ tokens: [Double], _ vocabulary: PatchVocabulary
  ) -> [Double] {
    let (d, k, width) = (vocabulary.directionCount, vocabulary.centreCount, vocabulary.mean.count)
    var sums = [[Double]](repeating: [Double](repeating: 0, count: d), count: k)
    for token in stride(from: 0, to: tokens.count, by: width) {
      let reduced = (0..<d).map { row in
        (0..<width).reduce(0.0) { sum, column in
          sum + (tokens[token + column] - Double(vocabulary.mean[column]))
            * Double(vocabulary.directions[row * width + column])
        }
      }
      let differences = (0..<k).map { centre in
        (0..<d).map { reduced[$0] - Double(vocabulary.centres[centre * d + $0]) }
      }
      let squares = differences.map { $0.reduce(0) { $0 + $1 * $1 } }
      guard let nearest = squares.indices.min(by: { squares[$0] < squares[$1] }) else { continue }
      for column in 0..<d { sums[nearest][column] += differences[nearest][column] }
    }
    let parts = sums.map { part in
      let roots = part.map { ($0 < 0 ? -1 : 1) * abs($0).squareRoot() }
      return roots.allSatisfy { $0 == 0 } ? roots : unit(roots)
    }
    return unit(parts.flatMap { $0 })
  }

  @Test("are what their names say", arguments: DescriptorRecipe.Pooling.allCases)
  func definition(pooling: DescriptorRecipe.Pooling) async throws {
    var recipe = DescriptorRecipe(pooling)
    recipe.exponent = 2.5
    let vocabulary = try Self.vocabulary()
    if pooling == .vlad { recipe.vocabulary = vocabulary }
    let image = try Self.image(2)

    let found = try await descriptors(recipe, [image])

    let features = try await model.features(of: image, preprocessing)
    let cls = Self.unit(features.clsToken.map(Double.init))
    let (count, width) = (features.patches.grid.count, features.patches.width)
    let tokens = features.patches.values.map(Double.init)
    let raw = try await model.tokens(
      of: preprocessing.batch([image]), after: [model.config.depth - 1], normalize: false
    )[0].patchTokens(0).map(Double.init)
    let mean = Self.unit(
      (0..<width).map { column in
        (0..<count).reduce(0) { $0 + tokens[$1 * width + column] }
      })
    let gem = Self.unit(
      (0..<width).map { column in
        let sum = (0..<count).reduce(0.0) { $0 + pow(max(tokens[$1 * width + column], 1e-6), 2.5) }
        return pow(sum / Double(count), 1 / 2.5)
      })
    let expected =
      switch pooling {
      case .cls: cls
      case .mean: mean
      case .gem: gem
      case .clsAndMean: Self.unit(cls + mean)
      case .clsAndGeM: Self.unit(cls + gem)
      case .vlad: Self.sums(raw, vocabulary)
      }
    #expect(Self.difference(found[0], expected) < 1e-5)
    #expect(recipe.columns(embedDim: 48) == expected.count)
  }

  @Test("do not depend on the batch; images of other sizes and those left out keep their places")
  func batches() async throws {
    let images = try (0..<7).map { try Self.image($0) }
    let alone = try await descriptors(DescriptorRecipe(.clsAndGeM), images, batch: 1)
    let together = try await descriptors(DescriptorRecipe(.clsAndGeM), images, batch: 5)
    for (one, other) in zip(alone, together) {
      #expect(Self.difference(one, other.map(Double.init)) < 1e-5)
    }

    var job = DescriptorJob(DescriptorRecipe(), preprocessing)
    job.batch = 2
    var seen: [String] = []
    try await job(
      Array(0..<6), with: model,
      load: { number in
        if number == 1 { throw DataError.usage(problem: "one") }
        return .init(number == 3 ? nil : images[number], note: number * 10)
      },
      each: { outcomes in
        for outcome in outcomes {
          switch outcome.result {
          case .success(let found):
            seen.append("\(outcome.index):\(found.note):\(found.descriptor?.count ?? 0)")
          case .failure(let error): seen.append("\(outcome.index):\(error)")
          }
        }
      })
    #expect(seen == ["0:0:48", "1:one", "2:20:48", "3:30:0", "4:40:48", "5:50:48"])
  }

  @Test("of several scales are the mean of those at each size")
  func scales() async throws {
    var recipe = DescriptorRecipe(.cls)
    recipe.scales = [1, 0.5]
    let image = try Self.image(0)
    let both = try await descriptors(recipe, [image])

    let large = try await descriptors(DescriptorRecipe(.cls), [image])
    var half = preprocessing
    half.resize = 28
    let small = try await descriptors(DescriptorRecipe(.cls), [image], half)
    let sum = zip(large[0], small[0]).map { Double($0) + Double($1) }
    #expect(Self.difference(both[0], Self.unit(sum)) < 1e-5)

    recipe.scales = [0.5]
    var cut = Preprocessing(resize: 56, crop: Size(height: 56, width: 42))
    let cropped = try await descriptors(recipe, [image], cut)
    // 42 · 0.5 pixels are one and a half patches, rounded to two.
    cut = Preprocessing(resize: 28, crop: Size(height: 28, width: 28))
    let expected = try await descriptors(DescriptorRecipe(.cls), [image], cut)
    #expect(Self.difference(cropped[0], expected[0].map(Double.init)) < 1e-6)
  }

  @Test("after another block come from that block")
  func block() async throws {
    var recipe = DescriptorRecipe(.cls)
    recipe.block = 0
    let image = try Self.image(1)
    let found = try await descriptors(recipe, [image])
    let tokens = try await model.tokens(of: preprocessing.batch([image]), after: [0])[0]
    #expect(
      Self.difference(found[0], Self.unit(tokens.clsToken(0).map(Double.init))) < 1e-5)
  }

  @Test("refuse settings that mean nothing")
  func refusals() async throws {
    let image = try Self.image(0)
    for change in [
      { $0.block = 2 }, { $0.scales = [] }, { $0.scales = [0] }, { $0.scales = [9] },
      { $0.exponent = 0 },
    ] as [(inout DescriptorRecipe) -> Void] {
      var recipe = DescriptorRecipe(.gem)
      change(&recipe)
      await #expect(throws: InferenceError.self) { try await descriptors(recipe, [image]) }
    }
    var recipe = DescriptorRecipe()
    recipe.scales = [0.5]
    await #expect(throws: InferenceError.self) {
      try await descriptors(recipe, [image], Preprocessing(resize: nil, crop: nil))
    }
  }

  @Test("a vocabulary that does not fit or is missing is refused; one that was written comes back")
  func vocabularies() async throws {
    let image = try Self.image(0)
    await #expect(throws: InferenceError.self) {
      try await descriptors(DescriptorRecipe(.vlad), [image])
    }
    for (mean, directions, centres) in [(0, 4, 4), (2, 3, 4), (2, 4, 3), (2, 4, 0), (2, 0, 4)] {
      #expect(throws: InferenceError.self) {
        try PatchVocabulary(
          mean: Array(repeating: 0, count: mean),
          directions: Array(repeating: 1, count: directions),
          centres: Array(repeating: 1, count: centres))
      }
    }
    var recipe = DescriptorRecipe(.vlad)
    recipe.vocabulary = try PatchVocabulary(mean: [0, 0], directions: [1, 0], centres: [1, 2])
    await #expect(throws: InferenceError.self) { try await descriptors(recipe, [image]) }

    recipe.vocabulary = try Self.vocabulary()
    let stored = try JSONDecoder().decode(
      DescriptorRecipe.self, from: JSONEncoder().encode(recipe))
    #expect(stored == recipe && stored.text == recipe.text)
    recipe.vocabulary = try PatchVocabulary(mean: [0, 0], directions: [1, 0], centres: [1, 2])
    #expect(stored.text != recipe.text)
    let earlier = try JSONDecoder().decode(
      DescriptorRecipe.self, from: Data(#"{"pooling":"cls","exponent":3,"scales":[1]}"#.utf8))
    #expect(earlier == DescriptorRecipe(.cls))
  }

  @Test("a probe tells models apart, not precisions")
  func probe() async throws {
    var request = ModelRequest(weights: folder.file("small.safetensors"))
    request.numHeads = 3
    request.precision = .bfloat16
    request.threads = 1
    let rounded = try await ModelProbe(DINOv2.load(request))
    let exact = try await ModelProbe(model)
    #expect(exact.agrees(with: rounded) && rounded.agrees(with: exact))

    var other = ModelRequest("dinov2_vits14")
    other.randomSeed = 3
    let random = try await ModelProbe(DINOv2.load(other))
    other.randomSeed = 4
    let another = try await ModelProbe(DINOv2.load(other))
    #expect(!random.agrees(with: another) && !random.agrees(with: exact))
    let stored = try JSONDecoder().decode(ModelProbe.self, from: JSONEncoder().encode(exact))
    #expect(stored == exact)
  }
}
