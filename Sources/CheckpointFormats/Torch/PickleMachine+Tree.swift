extension PickleMachine {
  /// What a value amounts to once everything that it refers to is written out.
  private struct Extent {
    /// The number of values.
    var values = 1
    /// The number of levels below it.
    var height = 0
    /// The size of all tensors.
    var tensorBytes = 0
  }

  /// How far the measurement of a value has come.
  private enum Progress {
    case untouched
    case open
    case done(Extent)
  }

  /// A value on the way from the root to the one that is being measured.
  private struct Step {
    let handle: Int32
    let children: [Int32]
    var next = 0
    var extent: Extent
  }

  /// Measures the finished tree, so that whoever walks it later need not fear depth, cycles or size.
  ///
  /// A value that is referred to many times counts each time, since a few bytes of pickle can
  /// describe a tree with billions of leaves; but it is looked at once.
  mutating func checkTree(
    _ root: Int32, maximumTensorBytes: Int
  ) throws(CheckpointError) {
    var progress = [Progress](repeating: .untouched, count: arena.nodes.count)
    var path = [try enter(root, maximumTensorBytes)]
    while var step = path.popLast() {
      guard step.next < step.children.count else {
        progress[Int(step.handle)] = .done(step.extent)
        continue
      }
      let child = step.children[step.next]
      switch progress[Int(child)] {
      case .done(let extent):
        step.extent = try sum(step.extent, extent, maximumTensorBytes)
        step.next += 1
        path.append(step)
      case .untouched:
        progress[Int(step.handle)] = .open
        path.append(step)
        guard path.count <= Limit.depth else { throw nested }
        path.append(try enter(child, maximumTensorBytes))
      case .open:
        throw nested
      }
    }
  }

  /// Checks a value without its contents.
  private mutating func enter(
    _ handle: Int32, _ maximumTensorBytes: Int
  ) throws(CheckpointError) -> Step {
    var step = Step(handle: handle, children: arena.children(handle), extent: Extent())
    switch arena.node(handle) {
    case .tensor(let index):
      let view = storages.views[index]
      // A size that overflows exceeds every limit.
      let bytes = view.count.checkedProduct(view.scalarType.byteCount) ?? Int.max
      guard bytes <= maximumTensorBytes else { throw tooLarge(maximumTensorBytes) }
      step.extent.tensorBytes = bytes
    case .map(let index): try checkKeys(arena.containers[index])
    case .symbol(let index): try nameSymbol(handle, globals[index])
    case .storage: throw structure("a storage stands where a value is expected")
    default: break
    }
    return step
  }

  /// The extent of a value with one more child.
  private func sum(
    _ parent: Extent, _ child: Extent, _ maximumTensorBytes: Int
  ) throws(CheckpointError) -> Extent {
    // No sum can overflow: both sides were within the limits.
    let sum = Extent(
      values: parent.values + child.values, height: max(parent.height, child.height + 1),
      tensorBytes: parent.tensorBytes.checkedSum(child.tensorBytes) ?? Int.max)
    guard sum.height <= Limit.depth else { throw nested }
    guard sum.values <= Limit.nodes else {
      throw limit("the tree unfolds to more than \(Limit.nodes) values")
    }
    guard sum.tensorBytes <= maximumTensorBytes else { throw tooLarge(maximumTensorBytes) }
    return sum
  }

  private var nested: CheckpointError {
    limit("values are nested more than \(Limit.depth) deep, or contain themselves")
  }

  private func tooLarge(_ maximumTensorBytes: Int) -> CheckpointError {
    limit(
      "the tensors need more than \(maximumTensorBytes) bytes together; if that is intended, raise "
        + "the limit")
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
      throw structure(
        "global \(global.fullName.escapedForMessage) stands where a value is expected")
    }
    arena.nodes[Int(handle)] = .name(global.fullName)
  }
}
