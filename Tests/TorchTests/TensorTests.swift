import Testing
import Torch

@Suite("Tensor")
struct TensorTests {
  @Test("gives back the elements that it was made from")
  func roundTrip() throws {
    let values: [Float] = [1.5, -2, 0, 3.25, 7, -0.125]

    let tensor = try Tensor(values, [2, 3])

    #expect(tensor.shape == [2, 3])
    #expect(tensor.strides == [3, 1])
    #expect(tensor.dtype == .float32)
    #expect(try tensor.floats() == values)
    #expect(try tensor.transpose(0, 1).floats() == [1.5, 3.25, -2, 7, 0, -0.125])
  }

  @Test("refuses elements that do not fill the shape")
  func wrongCount() throws {
    #expect(throws: TorchError.self) { try Tensor([Float](repeating: 0, count: 5), [2, 3]) }
    #expect(throws: TorchError.self) { try Tensor([Float](), [-1]) }
  }

  @Test("reports the operation and the operands' shapes", arguments: [[4, 5], [3], []])
  func errorsName(shape: [Int]) throws {
    let x = try Tensor.zeros([2, 7])

    let error = #expect(throws: TorchError.self) { try x.matmul(.zeros(shape)) }

    #expect(error?.operation == "matmul")
    #expect(error?.operands == ["float32[2, 7]", "float32\(shape)"])
    #expect(error.map { !$0.message.contains("\n") && !$0.message.isEmpty } == true)
  }

  @Test("borrows memory and keeps its owner alive as long as it is used")
  func borrowing() throws {
    final class Memory {
      let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 16)
      let onRelease: () -> Void
      init(onRelease: @escaping () -> Void) { self.onRelease = onRelease }
      deinit {
        bytes.deallocate()
        onRelease()
      }
    }
    var isReleased = false
    var doubled: Tensor?
    do {
      let memory = Memory { isReleased = true }
      for index in 0..<4 {
        memory.bytes.storeBytes(of: Float(index), toByteOffset: 4 * index, as: Float.self)
      }
      var view: Tensor? = try Tensor(
        borrowing: UnsafeRawBufferPointer(memory.bytes), shape: [2, 2], dtype: .float32,
        owner: memory)
      doubled = try view.map { try $0.transpose(0, 1) * 2 }
      #expect(!isReleased)
      view = nil
    }
    #expect(isReleased)
    #expect(try doubled?.floats() == [0, 4, 2, 6])
  }

  @Test("refuses memory that is not aligned")
  func misaligned() throws {
    let bytes = [UInt8](repeating: 0, count: 12)
    final class Owner {}
    try bytes.withUnsafeBytes { all in
      let odd = UnsafeRawBufferPointer(rebasing: all[1..<9])
      let even = UnsafeRawBufferPointer(rebasing: all[0..<8])
      let start = try #require(odd.baseAddress)
      let wrong = Int(bitPattern: start) % 4 == 0 ? even : odd
      #expect(throws: TorchError.self) {
        try Tensor(borrowing: wrong, shape: [2], dtype: .float32, owner: Owner())
      }
    }
  }

  @Test("converts between all element types", arguments: DType.allCases)
  func conversion(dtype: DType) throws {
    let values: [Float] = [0, 1, 1, 0, 1]

    let converted = try Tensor(values).to(dtype: dtype)

    #expect(converted.dtype == dtype)
    #expect(try converted.floats() == values)
    #expect(try Tensor.zeros([3], dtype: dtype).dtype?.byteCount == dtype.byteCount)
  }

  @Test("draws the same numbers from the same seed, and others from another")
  func seeds() throws {
    func draw(_ seed: UInt64) throws -> [Float] {
      try Tensor.randn([64], generator: Generator(seed: seed)).floats()
    }

    #expect(try draw(7) == draw(7))
    #expect(try draw(7) != draw(8))
  }

  @Test("continues a generator from a stored state")
  func generatorState() throws {
    let generator = try Generator(seed: 3)
    _ = try Tensor.randn([5], generator: generator)
    let state = try generator.state()
    let expected = try Tensor.rand([9], generator: generator).floats()
    let other = try Generator(seed: 99)

    try other.restore(state)

    #expect(try Tensor.rand([9], generator: other).floats() == expected)
  }

  @Test("has PyTorch's numbers for a seed")
  func pyTorchNumbers() throws {
    // torch.manual_seed(0); torch.randn(2, 3), PyTorch 2.13 on a CPU.
    let expected: [Float] = [1.5409961, -0.2934289, -2.1787894, 0.5684313, -1.0845224, -1.3985955]

    let drawn = try Tensor.randn([2, 3], generator: Generator(seed: 0)).floats()

    for (a, b) in zip(drawn, expected) { #expect(abs(a - b) < 1e-6) }
  }

  @Test("computes in bfloat16 under autocast, and only there")
  func autocast() throws {
    let a = try Tensor.ones([4, 4])

    let inside = try withAutocast(to: .bfloat16) { () throws(TorchError) in try a.matmul(a).dtype }

    #expect(inside == .bfloat16)
    #expect(try a.matmul(a).dtype == .float32)
  }

  @Test("records nothing without gradient")
  func gradientModes() throws {
    let x = try Tensor.ones([2]).requiringGrad()

    #expect(try (x * 2).requiresGrad)
    #expect(try withoutGradient { () throws(TorchError) in try (x * 2).requiresGrad } == false)
    #expect(try withInferenceMode { try (x * 2).requiresGrad } == false)
    #expect(try (x * 2).detached().requiresGrad == false)
    #expect(try (x * 2).requiresGrad)
  }
}
