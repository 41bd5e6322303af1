internal import CheckpointFormats
internal import Torch

/// Centres of patch tokens, around which the tokens of an image are summed up: what an image has of each kind
/// of patch, wherever it lies.
///
/// Tokens are reduced to their principal components. Each counts for the nearest centre, with what it differs
/// from it; the sums of a centre get the roots of their values and unit length, so that a kind of patch that
/// fills the image does not drown the others.
///
/// Source: Jégou, Douze, Schmid and Pérez, 2010 (VLAD); Arandjelović and Zisserman, 2013 (unit length within
/// centres); Keetha et al., 2023, section 4, with tokens of DINOv2.
///
/// Shapes: `D` values of a token, `d` directions, `K` centres, `N` tokens.
public struct PatchVocabulary: Sendable, Hashable, Codable {
  /// The mean of the tokens, `[D]`.
  public let mean: [Float]
  /// The principal directions, `[d, D]`, row by row.
  public let directions: [Float]
  /// The centres along the directions, `[K, d]`, row by row.
  public let centres: [Float]

  /// Puts a vocabulary together.
  ///
  /// - Parameters:
  ///   - mean: The mean of the tokens, `[D]`.
  ///   - directions: The principal directions, `[d, D]`.
  ///   - centres: The centres, `[K, d]`.
  /// - Throws: ``InferenceError/usage(problem:)`` if the numbers of values do not fit.
  public init(
    mean: [Float], directions: [Float], centres: [Float]
  ) throws(InferenceError) {
    self.mean = mean
    self.directions = directions
    self.centres = centres
    guard !mean.isEmpty, !directions.isEmpty, directions.count.isMultiple(of: mean.count),
      !centres.isEmpty, centres.count.isMultiple(of: directionCount)
    else {
      throw .usage(
        problem: "a vocabulary of \(centres.count) values in its centres, \(directions.count) in "
          + "directions and \(mean.count) in the mean; expected K · d, d · D and D")
    }
  }

  /// The number of directions, `d`.
  public var directionCount: Int { directions.count / mean.count }
  /// The number of centres, `K`.
  public var centreCount: Int { centres.count / directionCount }

  /// The descriptor of an image.
  ///
  /// - Parameters:
  ///   - patches: Its patch tokens, `[N, D]`.
  ///   - width: The number of values of a token, `D`.
  /// - Returns: `[K · d]`, of unit length.
  /// - Throws: ``InferenceError`` if the tokens have another width than the vocabulary's.
  public func descriptor(
    _ patches: some Collection<Float>, width: Int
  ) throws(InferenceError) -> [Float] {
    guard width == mean.count else {
      throw .usage(
        problem:
          "tokens have \(width) values, those of the vocabulary \(mean.count); it was learned "
          + "with another model")
    }
    do throws(TorchError) {
      let (d, k) = (directionCount, centreCount)
      let tokens = try
        (Tensor(Array(patches), [patches.count / width, width]) - Tensor(mean, [width]))
        .linear(weight: Tensor(directions, [d, width]), bias: nil)  // [N, d]
      let centres = try Tensor(self.centres, [k, d])
      // The nearest centre has the largest x · c - |c|² / 2.
      let nearness = try tokens.linear(
        weight: centres, bias: (centres * centres).sum(dim: 1) * -0.5
      ).floats()
      let values = try tokens.floats()
      var sums = [Float](repeating: 0, count: k * d)
      for token in 0..<values.count / d {
        let scores = nearness[token * k..<(token + 1) * k]
        let nearest = (scores.indices.max { scores[$0] < scores[$1] } ?? 0) - token * k
        for column in 0..<d {
          let place = nearest * d + column
          sums[place] += values[token * d + column] - self.centres[place]
        }
      }
      return DescriptorRecipe.unit(
        (0..<k).flatMap { centre in
          DescriptorRecipe.unit(
            sums[centre * d..<(centre + 1) * d].map {
              $0 < 0 ? -(-$0).squareRoot() : $0.squareRoot()
            }
          )
        })
    } catch { throw .torch(error) }
  }

  /// What tells vocabularies apart: eight hexadecimal digits.
  var fingerprint: String {
    var hash = ContentHash()
    for part in [mean, directions, centres] {
      for value in part { hash.add(UInt64(value.bitPattern)) }
    }
    return String(hash.text.prefix(8))
  }
}
