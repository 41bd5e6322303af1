import Testing
import Torch

@Suite("Resampling")
struct ResamplingTests {
  @Test("factors below 1 take means, others interpolate, sides are cut")
  func scaling() throws {
    let map = try Tensor([1, 3, 5, 7] as [Float], [1, 1, 2, 2])
    #expect(try map.scaled(by: 0.5).floats() == [4])
    #expect(try map.scaled(by: 1).floats() == [1, 3, 5, 7])
    #expect(try map.scaled(by: 1.6).shape == [1, 1, 3, 3])
    #expect(try map.scaled(by: 2, alignCorners: true).floats().first == 1)
    for factor in [0, -1, .nan, .infinity, 0.1] {
      #expect(throws: TorchError.self) { try map.scaled(by: factor) }
    }
  }

  @Test("every so many entries, and comparisons")
  func slices() throws {
    let row = try Tensor([0, 1, 2, 3, 4] as [Float])
    #expect(try row.every(2, dim: 0).floats() == [0, 2, 4])
    #expect(try row.isAtMost(2).array(of: Bool.self) == [true, true, true, false, false])
    #expect(throws: TorchError.self) { try row.every(0, dim: 0) }
  }
}
