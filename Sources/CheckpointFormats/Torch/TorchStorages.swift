/// The storages that a PyTorch file refers to, and the tensors that view them.
///
/// Everything is checked with the sizes that the pickle states; the bytes are attached when the
/// container has confirmed those sizes.
struct TorchStorages {
  /// One storage as the pickle describes it.
  struct Storage {
    let key: String
    /// The element type; nil while an untyped storage has not been viewed.
    var scalarType: ScalarType?
    let isUntyped: Bool
    /// The size in elements, or in bytes if untyped.
    let count: Int
    let location: String
    var data: ByteRegion?

    /// The size in bytes, or nil if it overflows.
    var byteCount: Int? {
      isUntyped ? count : scalarType.flatMap { count.checkedProduct($0.byteCount) }
    }
  }

  /// A part of a storage; old files could save views of storages.
  struct Reference {
    let storage: Int
    let offset: Int
    let count: Int
  }

  /// A tensor whose bytes are not attached yet.
  struct View {
    let storage: Int
    let scalarType: ScalarType
    let offset: Int
    let span: Int
    let shape: [Int]
    let strides: [Int]
    let count: Int
  }

  private(set) var storages: [Storage] = []
  private(set) var references: [Reference] = []
  private(set) var views: [View] = []
  private var positions: [String: Int] = [:]

  /// Notes a reference to a storage.
  ///
  /// Returns the position of the reference, or throws a description of what is wrong.
  mutating func refer(to storage: Storage, view: (offset: Int, count: Int)?) throws(Problem) -> Int
  {
    let index: Int
    if let known = positions[storage.key] {
      let other = storages[known]
      guard other.isUntyped == storage.isUntyped, other.count == storage.count,
        storage.isUntyped || other.scalarType == storage.scalarType
      else {
        throw Problem(
          "refers to storage \(storage.key.quoted) with another type or size than before")
      }
      index = known
    } else {
      index = storages.count
      positions[storage.key] = index
      storages.append(storage)
    }
    let view = view ?? (0, storage.count)
    guard view.offset >= 0, view.count >= 0, let end = view.offset.checkedSum(view.count),
      end <= storage.count
    else {
      throw Problem(
        "views \(view.count) elements from \(view.offset) of storage \(storage.key.quoted), which "
          + "has \(storage.count)")
    }
    references.append(Reference(storage: index, offset: view.offset, count: view.count))
    return references.count - 1
  }

  /// Checks a tensor against its storage and notes it; returns its position.
  mutating func addTensor(
    _ position: Int, offset: Int, shape: [Int], strides: [Int], as untypedView: ScalarType?
  ) throws(Problem) -> Int {
    guard references.indices.contains(position) else { throw Problem("has no storage") }
    let reference = references[position]
    let type = try scalarType(of: reference.storage, as: untypedView)
    let storage = storages[reference.storage]
    let available = storage.isUntyped ? reference.count / type.byteCount : reference.count
    guard shape.count == strides.count, shape.count <= SafetensorsReader.maximumRank else {
      throw Problem(
        "makes a tensor with \(shape.count) sizes and \(strides.count) strides; at most "
          + "\(SafetensorsReader.maximumRank) of each are read, and as many of one as of the other")
    }
    guard offset >= 0, let count = StoredTensor.elementCount(of: shape),
      strides.allSatisfy({ $0 >= 0 }), count.checkedProduct(type.byteCount) != nil
    else {
      throw Problem("makes a tensor with a negative or too large size: \(shape) \(strides)")
    }
    var last = offset
    if count > 0 {
      for (size, stride) in zip(shape, strides) {
        guard let step = (size - 1).checkedProduct(stride), let sum = last.checkedSum(step) else {
          throw Problem("makes a tensor whose extent overflows: \(shape) \(strides)")
        }
        last = sum
      }
      guard last < available else {
        throw Problem(
          "makes a tensor of shape \(shape), strides \(strides), offset \(offset) that reaches "
            + "element \(last) of storage \(storage.key.quoted), which has \(available)")
      }
      guard count <= available else {
        throw Problem(
          "expands storage \(storage.key.quoted) of \(available) elements to \(count); views that "
            + "repeat elements may not be larger than their storage")
      }
    }
    views.append(
      View(
        storage: reference.storage, scalarType: type,
        offset: count > 0
          ? reference.offset * (storage.isUntyped ? 1 : type.byteCount)
            + offset * type.byteCount : 0,
        span: count > 0 ? (last - offset + 1) * type.byteCount : 0, shape: shape,
        strides: strides, count: count))
    return views.count - 1
  }

  /// The element type of a storage; the first view decides that of an untyped one.
  private mutating func scalarType(
    of index: Int, as untypedView: ScalarType?
  ) throws(Problem) -> ScalarType {
    let storage = storages[index]
    guard let known = storage.scalarType ?? untypedView else {
      throw Problem("makes a tensor of an untyped storage without naming a dtype")
    }
    if let untypedView, untypedView != known {
      throw Problem(
        "views storage \(storage.key.quoted) as \(untypedView), but it holds \(known)")
    }
    storages[index].scalarType = known
    return known
  }

  /// Attaches the bytes of a storage; its size was compared by the caller.
  mutating func attach(_ data: ByteRegion, to index: Int) { storages[index].data = data }

  /// The position of a storage.
  func position(of key: String) -> Int? { positions[key] }

  /// The tensors, once all storages have their bytes.
  func tensors(
    path: String, options: CheckpointOptions
  ) throws(CheckpointError) -> [StoredTensor] {
    for storage in storages where storage.scalarType == .bool {
      if let data = storage.data, unsafe data.bytes.contains(where: { $0 > 1 }) {
        throw .structure(
          path: path, place: "storage \(storage.key.quoted)",
          problem: "a Boolean is neither 0 nor 1; the file is damaged")
      }
    }
    var tensors: [StoredTensor] = []
    tensors.reserveCapacity(views.count)
    for view in views {
      let storage = storages[view.storage]
      guard let data = storage.data, let part = data.slice(view.offset, view.span) else {
        throw .structure(
          path: path, place: "storage \(storage.key.quoted)",
          problem: "a tensor lies outside its bytes; the file is damaged")
      }
      let tensor = unsafe StoredTensor(
        scalarType: view.scalarType, shape: view.shape, strides: view.strides, count: view.count,
        owner: part.file, region: part.bytes)
      if options.requiresFinite {
        try tensor.check("in storage " + storage.key, path: path, options: options)
      }
      tensors.append(tensor)
    }
    return tensors
  }
}

/// What is wrong with one instruction; the interpreter adds where.
struct Problem: Error {
  let text: String

  /// Creates a description.
  init(_ text: String) { self.text = text }
}
