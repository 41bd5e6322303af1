import DINOEvaluation
import DINOModels
import Imaging
import Testing

@Suite("PatchLabels")
struct PatchLabelsTests {
  @Test("takes the share of each patch's area, also where patches cut pixels")
  func coverage() throws {
    // 3 by 4 pixels on 2 by 2 patches: each patch is one and a half pixels high and two wide.
    let map = try ValueImage(
      [
        7, 7, 0, 0,
        7, 9, 0, 9,
        0, 0, 5, 5,
      ], size: Size(height: 3, width: 4))

    let labels = PatchLabels(of: map, objects: [7, 9], grid: PatchGrid(height: 2, width: 2))

    // Upper left: row 0 counts 2/3 (both 7), row 1 counts 1/3 (one 7, one 9).
    let expected: [Float] = [
      0, 2.0 / 3 + 1.0 / 6, 1.0 / 6,
      2.0 / 3 + 1.0 / 6, 0, 1.0 / 6,
      2.0 / 3, 1.0 / 6, 1.0 / 6,
      2.0 / 3 + 1.0 / 6, 0, 1.0 / 6,
    ]
    #expect(zip(labels.shares, expected).allSatisfy { abs($0 - $1) < 1e-6 }, "\(labels.shares)")
  }

  @Test("a map smaller than the grid is enlarged")
  func enlarged() throws {
    let map = try ValueImage([0, 3], size: Size(height: 1, width: 2))

    let labels = PatchLabels(of: map, objects: [3], grid: PatchGrid(height: 2, width: 4))

    let row: [Float] = [1, 0, 1, 0, 0, 1, 0, 1]
    #expect(labels.shares == row + row)
  }

  @Test("stripes that fill whole patches come back as they were")
  func roundTrip() throws {
    let (height, width, side) = (4, 5, 8)
    let values = (0..<height * side * width * side).map { pixel -> UInt16 in
      let column = pixel % (width * side) / side
      return column > 1 ? (column > 3 ? 40_000 : 12) : 0
    }
    let map = try ValueImage(values, size: Size(height: height * side, width: width * side))

    let labels = PatchLabels(
      of: map, objects: map.objects, grid: PatchGrid(height: height, width: width))

    #expect(try labels.labels(at: map.size, objects: map.objects).values == map.values)
  }

  @Test("interpolates between the middles of patches: the border lies where shares are equal")
  func interpolation() throws {
    // From 1 to 0 over one patch of ten pixels: half is five pixels beyond the first middle.
    let labels = PatchLabels(
      shares: [0.2, 0.8, 0.8, 0.2], classes: 2, grid: PatchGrid(height: 1, width: 2))

    let map = try labels.labels(at: Size(height: 1, width: 20), objects: [1])

    #expect(map.values == [UInt16](repeating: 1, count: 10) + [UInt16](repeating: 0, count: 10))
  }

  @Test("scales each class to the range 0 to 1, but not one that is nowhere or everywhere alike")
  func scaling() throws {
    let grid = PatchGrid(height: 1, width: 3)
    let labels = PatchLabels(
      shares: [0.9, 0.1, 0, 0.7, 0.3, 0, 0.8, 0.2, 0], classes: 3, grid: grid)

    let scaled = labels.scaledByClass()

    let expected: [Float] = [1, 0, 0, 0, 1, 0, 0.5, 0.5, 0]
    #expect(zip(scaled.shares, expected).allSatisfy { abs($0 - $1) < 1e-5 }, "\(scaled.shares)")
    let even = PatchLabels(
      shares: [0.5, 0.5, 0.5, 0.5], classes: 2, grid: PatchGrid(height: 2, width: 1))
    #expect(even.scaledByClass() == even)
  }

  @Test("objects are all labels but 0 and void, unless the mask is black and white")
  func objects() throws {
    func objects(_ values: [UInt16]) throws -> [UInt16] {
      try ValueImage(values, size: Size(height: 1, width: values.count)).objects
    }

    #expect(try objects([0, 255, 3, 1, 3]) == [1, 3])
    #expect(try objects([0, 255, 0]) == [255])
    #expect(try objects([0, 0]) == [])
    #expect(try objects([300, 255]) == [300])
  }
}
