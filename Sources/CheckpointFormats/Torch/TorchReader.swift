/// Reads PyTorch's two containers.
struct TorchReader {
  /// The largest `data.pkl`, in bytes.
  static let maximumPickle = 64 << 20
  /// The beginning of a legacy file: PROTO 2 and the magic number 0x1950a86a20f9469cfc6c as LONG1.
  static let legacyMagic: Int128 = 0x1950_A86A_20F9_469C_FC6C

  private let file: FileBytes
  private let options: CheckpointOptions
  private let policy: PickleMachine.Policy

  /// Prepares to read a file.
  init(_ file: FileBytes, options: CheckpointOptions) {
    self.file = file
    self.options = options
    policy = options.acceptsForeignRecords ? .records : .strict
  }

  private func error(_ place: String, _ problem: String) -> CheckpointError {
    .structure(path: file.path, place: place, problem: problem)
  }

  private var maximumTensorBytes: Int {
    options.maximumTensorBytes ?? max(file.count.checkedProduct(2) ?? Int.max, 1 << 30)
  }

  /// Checks the tree, attaches tensors and makes the checkpoint.
  private func finish(
    _ machine: inout PickleMachine, root: Int32, format: Checkpoint.Format
  ) throws(CheckpointError) -> Checkpoint {
    try machine.checkTree(root, maximumTensorBytes: maximumTensorBytes)
    machine.arena.tensors = try machine.storages.tensors(path: file.path, options: options)
    try file.checkUnchanged()
    return try Checkpoint(
      path: file.path, format: format, notes: machine.notes,
      root: CheckpointValue(arena: FrozenArena(machine.arena), handle: root))
  }

  // MARK: - Zip

  /// Reads a file in the zip container.
  func readZip() throws(CheckpointError) -> Checkpoint {
    let layout = try TorchZipLayout(ZipArchive(ByteRegion(file)))
    if !options.ignoresChecksums { try layout.verifyRecords() }
    var machine = PickleMachine(
      layout.pickle.data, stream: "data.pkl", policy: policy, persistentItems: 5)
    let root = try machine.run()
    guard machine.position == layout.pickle.data.count else {
      throw error("data.pkl+\(machine.position)", "bytes follow the end of the pickle")
    }
    for (index, storage) in machine.storages.storages.enumerated() {
      let place = "storage \(storage.key.quoted)"
      guard let member = layout.storages[storage.key] else {
        throw error(place, "the archive has no member data/\(storage.key); the file is incomplete")
      }
      guard storage.byteCount == member.data.count else {
        throw error(
          place,
          "the pickle states \(storage.byteCount ?? -1) bytes (\(storage.count) elements), the "
            + "member has \(member.data.count)")
      }
      if !options.ignoresChecksums { try layout.archive.verify(member) }
      machine.storages.attach(member.data, to: index)
    }
    return try finish(&machine, root: root, format: .torchZip)
  }

  // MARK: - Legacy

  /// Reads a file in the older container: five pickles and the bytes of the storages.
  func readLegacy() throws(CheckpointError) -> Checkpoint {
    var position = 0
    try expectLegacyHeader(&position)
    var machine = try legacyMachine(position, "object", persistentItems: 6)
    let root = try machine.run()
    position += machine.position

    var list = try legacyMachine(position, "storage keys", persistentItems: nil)
    let keysHandle = try list.run()
    position += list.position
    guard case .list = list.arena.node(keysHandle) else {
      throw error("storage keys", "the fifth pickle is not a list")
    }
    var attached: Set<Int> = []
    for handle in list.arena.children(keysHandle) {
      guard case .string(let key) = list.arena.node(handle),
        let index = machine.storages.position(of: key), attached.insert(index).inserted
      else {
        throw error("storage keys", "they repeat a key or name one that no tensor refers to")
      }
      try attachLegacy(index, &machine, at: &position)
    }
    guard attached.count == machine.storages.storages.count else {
      throw error(
        "storage keys",
        "\(attached.count) storages are stored, but tensors refer to "
          + "\(machine.storages.storages.count)")
    }
    guard position == file.count else {
      throw error("byte \(position)", "\(file.count - position) bytes follow the last storage")
    }
    return try finish(&machine, root: root, format: .torchLegacy)
  }

  private func legacyMachine(
    _ position: Int, _ name: String, persistentItems: Int?
  ) throws(CheckpointError) -> PickleMachine {
    guard let region = ByteRegion(file).slice(position, file.count - position) else {
      throw error("byte \(position)", "the file is cut off")
    }
    return PickleMachine(
      region, stream: "pickle \"\(name)\" at byte \(position)",
      policy: persistentItems == nil ? .strict : policy, persistentItems: persistentItems)
  }

  /// Reads the first three pickles: magic number, protocol 1001, description of the system.
  private func expectLegacyHeader(_ position: inout Int) throws(CheckpointError) {
    var magic = try legacyMachine(position, "magic number", persistentItems: nil)
    let magicHandle = try magic.run()
    guard case .bigInteger(let index) = magic.arena.node(magicHandle),
      magic.arena.bigIntegers[index] == TorchReader.legacyMagic
    else {
      throw .container(
        path: file.path, problem: "is a Python pickle, but not one that torch.save wrote",
        advice: "save the weights with torch.save or as safetensors")
    }
    position += magic.position
    var version = try legacyMachine(position, "protocol", persistentItems: nil)
    let versionHandle = try version.run()
    guard case .integer(1001) = version.arena.node(versionHandle) else {
      throw error("pickle \"protocol\"", "PyTorch's protocol is not 1001")
    }
    position += version.position
    var system = try legacyMachine(position, "system", persistentItems: nil)
    let systemHandle = try system.run()
    try system.checkTree(systemHandle, maximumTensorBytes: 0)
    let value = CheckpointValue(arena: FrozenArena(system.arena), handle: systemHandle)
    guard value["little_endian"]?.bool == true else {
      throw .unsupported(
        path: file.path, place: "pickle \"system\"",
        problem: "the file is not little-endian; save it again on a little-endian machine")
    }
    position += system.position
  }

  private func attachLegacy(
    _ index: Int, _ machine: inout PickleMachine, at position: inout Int
  ) throws(CheckpointError) {
    let storage = machine.storages.storages[index]
    let region = ByteRegion(file)
    guard let stated = region.integer(position, as: Int64.self),
      let size = storage.byteCount, Int(exactly: stated) == storage.count,
      let data = region.slice(position + 8, size)
    else {
      throw error(
        "storage \(storage.key.quoted) at byte \(position)",
        "its size is not the \(storage.count) elements that the pickle states, or it is cut off")
    }
    machine.storages.attach(data, to: index)
    position += 8 + size
  }
}

/// The members of a PyTorch archive by their role.
struct TorchZipLayout {
  let archive: ZipArchive
  let pickle: ZipArchive.Member
  /// Storages by key.
  private(set) var storages: [String: ZipArchive.Member] = [:]
  private var records: [ZipArchive.Member] = []

  /// Sorts members and refuses those that `torch.save` does not write.
  init(_ archive: ZipArchive) throws(CheckpointError) {
    self.archive = archive
    let path = archive.members.first?.data.file.path ?? ""
    guard let first = archive.members.first, let slash = first.name.firstIndex(of: "/") else {
      throw .container(
        path: path, problem: "is a zip file without the single folder that torch.save makes",
        advice: "unpack it and name the weight file inside")
    }
    let folder = first.name[...slash]
    var byRole: [String: ZipArchive.Member] = [:]
    for member in archive.members {
      guard member.name.hasPrefix(folder) else {
        throw .structure(
          path: path, place: "member \(member.name.quoted)",
          problem: "it lies outside the folder \(String(folder).quoted) of the archive")
      }
      let role = String(member.name.dropFirst(folder.count))
      if role.hasPrefix("data/"), TorchZipLayout.isNumber(role.dropFirst(5)) {
        storages[String(role.dropFirst(5))] = member
        continue
      }
      switch role {
      case "data.pkl": break
      case "version", "byteorder": records.append(member)
      case ".format_version", ".storage_alignment", ".data/serialization_id": break
      default:
        throw .structure(
          path: path, place: "member \(member.name.quoted)",
          problem:
            "torch.save writes no such member; the file is something else or was tampered with")
      }
      byRole[role] = member
    }
    guard let pickle = byRole["data.pkl"] else {
      throw .container(
        path: path, problem: "is a zip file without data.pkl, not one that torch.save wrote",
        advice: "unpack it and name the weight file inside")
    }
    guard pickle.data.count <= TorchReader.maximumPickle else {
      throw .limit(
        path: path, place: "data.pkl",
        problem: "\(pickle.data.count) bytes; at most \(TorchReader.maximumPickle) are read")
    }
    self.pickle = pickle
    try checkVersion(byRole["version"], byteOrder: byRole["byteorder"], path: path)
  }

  /// Verifies the checksums of the small members.
  func verifyRecords() throws(CheckpointError) {
    try archive.verify(pickle)
    for member in records { try archive.verify(member) }
  }

  private static func isNumber(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.count <= 9 && text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
  }

  private func checkVersion(
    _ version: ZipArchive.Member?, byteOrder: ZipArchive.Member?, path: String
  ) throws(CheckpointError) {
    let text = version.flatMap { $0.data.text(0, min($0.data.count, 16)) } ?? ""
    let digits = text.hasSuffix("\n") ? String(text.dropLast()) : text
    guard let number = Int(digits), number >= 1, number <= 10 else {
      throw .unsupported(
        path: path, place: "member \"version\"",
        problem: "archive version \(digits.quoted); 1 to 10 are supported")
    }
    guard let byteOrder else { return }
    let order = byteOrder.data.text(0, min(byteOrder.data.count, 16)) ?? ""
    guard order == "little" else {
      throw .unsupported(
        path: path, place: "member \"byteorder\"",
        problem: "byte order \(order.quoted); save the file again on a little-endian machine")
    }
  }
}
