import DINOEvaluation
import Imaging
import Testing

@Suite("MaskAgreement")
struct MaskAgreementTests {
  /// A map from rows of digits.
  private func map(_ rows: String...) throws -> ValueImage {
    let values = rows.joined().map { $0 == "V" ? 255 : UInt16($0.wholeNumberValue ?? 0) }
    return try ValueImage(values, size: Size(height: rows.count, width: rows[0].count))
  }

  @Test("J is intersection over union, by hand")
  func region() throws {
    let truth = try map("01100", "01100", "00022")
    let found = try map("00110", "00110", "00220")

    // Object 1: two pixels in common, six in either. Object 2: one of three.
    #expect(try MaskAgreement.regionSimilarity(found, truth, object: 1) == 2.0 / 6)
    #expect(try MaskAgreement.regionSimilarity(found, truth, object: 2) == 1.0 / 3)
    #expect(try MaskAgreement.regionSimilarity(found, truth, object: 3) == 1)
    #expect(try MaskAgreement.regionSimilarity(truth, truth, object: 1) == 1)
  }

  @Test("void pixels count neither for the intersection nor for the union")
  func void() throws {
    let truth = try map("011V", "011V")
    let found = try map("0011", "0011")

    #expect(try MaskAgreement.regionSimilarity(found, truth, object: 1, void: 255) == 0.5)
    #expect(try MaskAgreement.regionSimilarity(found, truth, object: 1) == 2.0 / 6)
    #expect(try MaskAgreement.regionSimilarity(found, truth, object: 255) == 0)
  }

  @Test("F compares contours, by hand")
  func contour() throws {
    // Its contour: (0,1) (0,2) (0,3) (1,1) (1,3) (2,1) (2,2) (2,3), the pixels that differ from the one
    // to the right, below, or both.
    let truth = try map(
      "000000",
      "001100",
      "001100",
      "000000",
      "000000",
      "000000")
    // Its contour: (2,3) (2,4) (2,5) (3,3) (4,3) (4,4) (4,5); in the last column only the pixel below
    // counts.
    let shifted = try map(
      "000000",
      "000000",
      "000000",
      "000011",
      "000011",
      "000000")
    // At a distance of 0 only (2,3) is common: precision 1/7, recall 1/8.
    let exact = try MaskAgreement.contourAccuracy(shifted, truth, object: 1, tolerance: 0)
    #expect(abs(exact - 2 * (1.0 / 7) * (1.0 / 8) / (1.0 / 7 + 1.0 / 8)) < 1e-12)

    // Within one pixel, (2,3) (2,4) (3,3) lie near the truth's; (1,3) (2,2) (2,3) lie near the found.
    let near = try MaskAgreement.contourAccuracy(shifted, truth, object: 1, tolerance: 1)
    #expect(abs(near - 2 * (3.0 / 7) * (3.0 / 8) / (3.0 / 7 + 3.0 / 8)) < 1e-12)
    #expect(try MaskAgreement.contourAccuracy(truth, truth, object: 1, tolerance: 0) == 1)
  }

  @Test("F is 1 without contours, 0 if only one mask has one")
  func empty() throws {
    let (none, some, all) = (try map("000", "000"), try map("010", "000"), try map("111", "111"))

    #expect(try MaskAgreement.contourAccuracy(none, none, object: 1) == 1)
    // A mask that fills the frame has no contour either.
    #expect(try MaskAgreement.contourAccuracy(all, none, object: 1) == 1)
    #expect(try MaskAgreement.contourAccuracy(some, none, object: 1) == 0)
    #expect(try MaskAgreement.contourAccuracy(none, some, object: 1) == 0)
  }

  @Test("F agrees with the definition, pixel by pixel", arguments: [0.008, 0.05, 3])
  func definition(tolerance: Double) throws {
    let size = Size(height: 37, width: 53)
    func blob(_ top: Double, _ left: Double, _ radius: Double) -> (Int, Int) -> Bool {
      { row, column in
        let (y, x) = (Double(row) - top, Double(column) - left)
        return y * y + x * x * 0.6 < radius * radius + 9 * (y * 3 + x * 5).remainder(dividingBy: 2)
      }
    }
    func image(_ isInside: (Int, Int) -> Bool) throws -> ValueImage {
      try ValueImage(
        (0..<size.height * size.width).map { isInside($0 / size.width, $0 % size.width) ? 4 : 0 },
        size: size)
    }
    let (found, truth) = (try image(blob(15, 20, 11)), try image(blob(17, 24, 12)))

    // Written from the definition: contours, then for each pixel the nearest one of the other contour.
    func contour(_ map: ValueImage) -> [(Int, Int)] {
      func at(_ row: Int, _ column: Int) -> Bool { map.values[row * size.width + column] == 4 }
      var places: [(Int, Int)] = []
      for row in 0..<size.height {
        for column in 0..<size.width {
          let hasBelow = row < size.height - 1
          let hasRight = column < size.width - 1
          let differs =
            (hasRight && at(row, column + 1) != at(row, column))
            || (hasBelow && at(row + 1, column) != at(row, column))
            || (hasRight && hasBelow && at(row + 1, column + 1) != at(row, column))
          if differs { places.append((row, column)) }
        }
      }
      return places
    }
    let diagonal = Double(size.height * size.height + size.width * size.width).squareRoot()
    let reach = tolerance >= 1 ? tolerance : (tolerance * diagonal).rounded(.up)
    func share(_ some: [(Int, Int)], near others: [(Int, Int)]) -> Double {
      let hits = some.count { place in
        others.contains { other in
          let (y, x) = (Double(place.0 - other.0), Double(place.1 - other.1))
          return y * y + x * x <= reach * reach
        }
      }
      return Double(hits) / Double(some.count)
    }
    let (a, b) = (contour(found), contour(truth))
    let (precision, recall) = (share(a, near: b), share(b, near: a))

    let accuracy = try MaskAgreement.contourAccuracy(
      found, truth, object: 4, tolerance: tolerance)

    #expect(abs(accuracy - 2 * precision * recall / (precision + recall)) < 1e-12)
    #expect(accuracy > 0.05 && accuracy < 1)
  }

  @Test("refuses masks of other sizes and odd tolerances")
  func refusals() throws {
    let (a, b) = (try map("01", "00"), try map("010", "000"))

    #expect(throws: EvaluationError.self) {
      try MaskAgreement.regionSimilarity(a, b, object: 1)
    }
    #expect(throws: EvaluationError.self) { try MaskAgreement.contourAccuracy(a, b, object: 1) }
    for tolerance in [-1, .nan, .infinity, 1e9] {
      #expect(throws: EvaluationError.self) {
        try MaskAgreement.contourAccuracy(a, a, object: 1, tolerance: tolerance)
      }
    }
  }
}
