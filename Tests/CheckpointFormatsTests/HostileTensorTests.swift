import CheckpointFormats
import DINOTestSupport
import Testing

@Suite("Hostile tensors and storages")
struct HostileTensorTests {
  static func tensor(
    _ name: String, key: String = "0", type: String = "FloatStorage", numel: Int = 4,
    offset: Int = 0, shape: [Int], strides: [Int], says: String
  ) -> HostileFile {
    let pickle = PickleBuilder.map { pickle in
      pickle.tensor(
        storage: key, type: type, numel: numel, offset: offset, shape: shape, strides: strides)
    }
    return HostileFile(
      name, ZipBuilder.torch(pickle, storages: [[UInt8](repeating: 2, count: 16)]).finished(),
      says: says)
  }

  static let lies: [HostileFile] = [
    tensor("beyond the end", shape: [5], strides: [1], says: "reaches element 4"),
    tensor("offset beyond the end", offset: 4, shape: [1], strides: [1], says: "reaches element 4"),
    tensor("negative offset", offset: -1, shape: [1], strides: [1], says: "negative"),
    tensor("negative size", shape: [-1], strides: [1], says: "negative"),
    tensor("negative stride", offset: 3, shape: [4], strides: [-1], says: "negative"),
    tensor("overflowing size", shape: [Int.max, Int.max], strides: [0, 0], says: "too large"),
    tensor("overflowing stride", shape: [4, 1], strides: [Int.max, 1], says: "overflows"),
    tensor("overflowing offset", offset: Int.max, shape: [2], strides: [1], says: "overflows"),
    tensor("stride 0 expansion", shape: [1_000_000, 4], strides: [0, 1], says: "expands"),
    tensor("self-overlap", shape: [3, 2], strides: [1, 1], says: "expands"),
    tensor("rank mismatch", shape: [2, 2], strides: [1], says: "strides"),
    tensor(
      "rank 40", shape: [Int](repeating: 1, count: 40), strides: [Int](repeating: 1, count: 40),
      says: "sizes"),
    tensor(
      "more elements than bytes", numel: 5, shape: [4], strides: [1], says: "the member has 16"),
    tensor(
      "fewer elements than bytes", numel: 3, shape: [3], strides: [1], says: "the member has 16"),
    tensor("overflowing numel", numel: Int.max, shape: [1], strides: [1], says: "overflows"),
    tensor("negative numel", numel: -4, shape: [1], strides: [1], says: "storage"),
    tensor("missing storage", key: "7", shape: [4], strides: [1], says: "no member data/7"),
    tensor("path as a key", key: "../0", shape: [4], strides: [1], says: "digits"),
    tensor("long key", key: "0000000000", shape: [4], strides: [1], says: "digits"),
    tensor(
      "wrong type", type: "DoubleStorage", shape: [4], strides: [1], says: "the member has 16"),
    tensor(
      "unsupported type", type: "ComplexFloatStorage", shape: [4], strides: [1],
      says: "not supported"),
    tensor(
      "Booleans of 2", type: "BoolStorage", numel: 16, shape: [16], strides: [1],
      says: "neither 0 nor 1"),
  ]

  @Test("every lie about size, place or type is refused", arguments: lies)
  func liesAreRefused(file: HostileFile) throws { try file.expectRefusal() }

  @Test("one storage has one type")
  func twoTypes() throws {
    let pickle = PickleBuilder.map { pickle in
      pickle.tensor(numel: 4, shape: [4], strides: [1])
      pickle.text("other")
      pickle.tensor(type: "IntStorage", numel: 4, shape: [4], strides: [1])
    }
    let bytes = ZipBuilder.torch(pickle, storages: [HostilePickleTests.floats4]).finished()
    try HostileFile("two types", bytes, says: "another type or size").expectRefusal()
  }

  @Test("wrong persistent ids are refused")
  func persistentIDs() throws {
    let ids: [(inout PickleBuilder) -> Void] = [
      { $0.op("N") }, { $0.op(")") },
      { pickle in
        pickle.op("(")
        pickle.text("module")
        for _ in 0..<4 { pickle.op("N") }
        pickle.op("t")
      },
      { pickle in
        pickle.op("(")
        pickle.text("storage")
        pickle.text("FloatStorage")
        pickle.text("0")
        pickle.text("cpu")
        pickle.integer(4)
        pickle.op("t")
      },
    ]
    for write in ids {
      let pickle = PickleBuilder.map { pickle in
        write(&pickle)
        pickle.op("Q")
      }
      try HostilePickleTests.file("persistent id", pickle, says: "BINPERSID").expectRefusal()
    }
  }

  @Test("views inside the storage are read, also with gaps")
  func honestViews() throws {
    let storage = try StoredTensor(floats: (0..<6).map { Float($0) }, shape: [6])
    let pickle = PickleBuilder.map {
      $0.tensor(numel: 6, offset: 1, shape: [2, 2], strides: [3, 1])
    }
    let bytes = storage.withContiguousBytes { Array($0) }
    let folder = try TemporaryFolder()
    let path = try folder.write("view.pth", ZipBuilder.torch(pickle, storages: [bytes]).finished())

    let tensor = try #require(try Checkpoint.read(path).tensors["weight"])

    #expect(try tensor.floats() == [1, 2, 4, 5])
    #expect(!tensor.isContiguous)
    #expect(tensor.strides == [3, 1])
  }

  @Test("the sum of all tensors is limited")
  func sumIsLimited() throws {
    let pickle = PickleBuilder.map { $0.tensor(numel: 4, shape: [4], strides: [1]) }
    let bytes = ZipBuilder.torch(pickle, storages: [HostilePickleTests.floats4]).finished()
    var options = CheckpointOptions()
    options.maximumTensorBytes = 15
    try HostileFile("sum", bytes, says: "more than 15 bytes").expectRefusal(options: options)
  }
}
