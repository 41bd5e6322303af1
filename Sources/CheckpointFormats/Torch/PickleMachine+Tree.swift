extension PickleMachine {
  /// Walks the finished tree once, so that whoever reads it later need not fear depth, cycles or size.
  ///
  /// A value that is referred to many times counts each time: a few bytes of pickle can describe a
  /// tree with billions of leaves.
  mutating func checkTree(
    _ root: Int32, maximumTensorBytes: Int
  ) throws(CheckpointError) {
    var pending: [(handle: Int32, depth: Int)] = [(root, 0)]
    var visited = 0
    var tensorBytes = 0
    var checkedMaps: Set<Int> = []
    while let (handle, depth) = pending.popLast() {
      visited += 1
      guard depth <= Limit.depth else {
        throw limit("values are nested more than \(Limit.depth) deep, or contain themselves")
      }
      let children = arena.children(handle)
      guard visited + pending.count + children.count <= Limit.nodes else {
        throw limit("the tree unfolds to more than \(Limit.nodes) values")
      }
      switch arena.node(handle) {
      case .tensor(let index):
        let view = storages.views[index]
        let bytes = view.count.checkedProduct(view.scalarType.byteCount)
        guard let sum = bytes.flatMap({ tensorBytes.checkedSum($0) }), sum <= maximumTensorBytes
        else {
          throw limit(
            "the tensors need more than \(maximumTensorBytes) bytes together; if that is "
              + "intended, raise the limit")
        }
        tensorBytes = sum
      case .map(let index):
        if checkedMaps.insert(index).inserted { try checkKeys(arena.containers[index]) }
      case .symbol(let index):
        try nameSymbol(handle, globals[index])
      case .storage:
        throw structure("a storage stands where a value is expected")
      default: break
      }
      for child in children { pending.append((child, depth + 1)) }
    }
  }

  private func limit(_ problem: String) -> CheckpointError {
    .limit(path: region.file.path, place: stream, problem: problem)
  }

  private func structure(_ problem: String) -> CheckpointError {
    .structure(path: region.file.path, place: stream, problem: problem)
  }

  /// A key may occur once: readers disagree on which of two counts.
  private func checkKeys(_ members: [Int32]) throws(CheckpointError) {
    var seen: Set<String> = []
    for position in stride(from: 0, to: members.count, by: 2) {
      let key = arena.pathComponent(members[position])
      let isText: Bool
      if case .string = arena.node(members[position]) { isText = true } else { isText = false }
      guard seen.insert((isText ? "s" : "o") + key).inserted else {
        throw structure("key \(key.quoted) occurs twice in one dictionary")
      }
    }
  }

  /// A global that stands as a value becomes its name, if it names a dtype or a record class.
  private mutating func nameSymbol(_ handle: Int32, _ global: Global) throws(CheckpointError) {
    switch global.symbol {
    case .dtype: break
    case _ where policy != .strict: break
    default:
      throw structure("global \(global.fullName.escapedForMessage) stands where a value is expected")
    }
    arena.nodes[Int(handle)] = .name(global.fullName)
  }
}
