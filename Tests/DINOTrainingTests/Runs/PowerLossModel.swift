import DINOTraining
import Foundation
import Glibc
import Synchronization

/// A disk that loses what was not flushed.
///
/// The model keeps, beside what programs see, what a loss of power may leave: the entries of a folder as
/// of its last flush plus a beginning of the changes since, and the bytes of a file as of its last flush
/// plus any subset of the writes since, torn at 512 bytes.
final class DiskModel {
  /// A file or a folder; names belong to the folder that holds it.
  final class Node {
    let isFolder: Bool
    var entries: [String: Node] = [:]
    var flushedEntries: [String: Node] = [:]
    /// What each change of the entries since the last flush led to.
    var changes: [[String: Node]] = []
    var bytes: [UInt8] = []
    var flushedBytes: [UInt8] = []
    var writes: [(offset: Int, bytes: [UInt8])] = []

    init(isFolder: Bool) { self.isFolder = isFolder }
  }

  let root = Node(isFolder: true)
  private let rootPath: String

  /// Begins with what lies in a folder, as if all of it had been flushed.
  init(rootPath: String) throws {
    self.rootPath = rootPath
    try load(rootPath, into: root)
  }

  private func load(_ path: String, into folder: Node) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: path) {
      let full = path + "/" + name
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: full, isDirectory: &isFolder) else { continue }
      let node = Node(isFolder: isFolder.boolValue)
      if node.isFolder {
        try load(full, into: node)
      } else {
        node.bytes = Array(try Data(contentsOf: URL(fileURLWithPath: full)))
        node.flushedBytes = node.bytes
      }
      folder.entries[name] = node
    }
    folder.flushedEntries = folder.entries
  }

  /// The node of a path below the root.
  func node(_ path: String) -> Node? {
    var node = root
    for name in path.dropFirst(rootPath.count).split(separator: "/") {
      guard let next = node.entries[String(name)] else { return nil }
      node = next
    }
    return node
  }

  /// Changes the entries of the folder of a path.
  func change(_ path: String, _ body: (inout [String: Node], _ name: String) -> Void) {
    guard let slash = path.lastIndex(of: "/"), let folder = node(String(path[..<slash])) else {
      return
    }
    body(&folder.entries, String(path[path.index(after: slash)...]))
    folder.changes.append(folder.entries)
  }

  /// Writes one of the states that a loss of power now may leave into an empty folder.
  func losePower(into path: String, using generator: inout SeededGenerator) throws {
    try write(root, to: path, &generator)
  }

  private func write(_ folder: Node, to path: String, _ generator: inout SeededGenerator) throws {
    let kept = Int.random(in: 0...folder.changes.count, using: &generator)
    let entries = kept == 0 ? folder.flushedEntries : folder.changes[kept - 1]
    for (name, node) in entries.sorted(by: { $0.key < $1.key }) {
      let full = path + "/" + name
      if node.isFolder {
        try FileManager.default.createDirectory(
          atPath: full, withIntermediateDirectories: false)
        try write(node, to: full, &generator)
      } else {
        try Data(survivingBytes(of: node, &generator)).write(to: URL(fileURLWithPath: full))
      }
    }
  }

  private func survivingBytes(of node: Node, _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = node.flushedBytes
    for write in node.writes where Bool.random(using: &generator) {
      var part = write.bytes[...]
      if Bool.random(using: &generator) {
        part = part.prefix(512 * Int.random(in: 0...(part.count / 512), using: &generator))
      }
      let end = write.offset + part.count
      if bytes.count < end { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
      bytes.replaceSubrange(write.offset..<end, with: part)
    }
    return bytes
  }
}

/// The system's operations, told to a model of a disk as well; after each one a closure sees the model.
final class RecordingFiles: FileOperations {
  private struct State {
    var model: DiskModel
    var open: [Int32: DiskModel.Node] = [:]
  }

  private let system = SystemFiles()
  // Touched by the one thread that saves.
  private nonisolated(unsafe) var state: State
  private let inspect: @Sendable (DiskModel) -> Void

  init(_ model: sending DiskModel, inspect: @escaping @Sendable (DiskModel) -> Void) {
    state = State(model: model)
    self.inspect = inspect
  }

  private func record(_ body: (inout State) -> Void) {
    body(&state)
    inspect(state.model)
  }

  func makeFolder(_ path: String) throws(SystemFailure) {
    try system.makeFolder(path)
    record { $0.model.change(path) { $0[$1] = DiskModel.Node(isFolder: true) } }
  }

  func createFile(_ path: String) throws(SystemFailure) -> Int32 {
    let descriptor = try system.createFile(path)
    let node = DiskModel.Node(isFolder: false)
    record { state in
      state.open[descriptor] = node
      state.model.change(path) { $0[$1] = node }
    }
    return descriptor
  }

  func allocate(_ descriptor: Int32, _ byteCount: Int) throws(SystemFailure) {
    try system.allocate(descriptor, byteCount)
    record { state in
      let zeros = [UInt8](repeating: 0, count: byteCount)
      state.open[descriptor]?.bytes = zeros
      state.open[descriptor]?.writes.append((0, zeros))
    }
  }

  func write(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(SystemFailure) -> Int {
    let count = try system.write(descriptor, bytes, at: offset)
    record { state in
      let part = Array(bytes.prefix(count))
      guard let node = state.open[descriptor] else { return }
      let missing = offset + count - node.bytes.count
      if missing > 0 { node.bytes += [UInt8](repeating: 0, count: missing) }
      node.bytes.replaceSubrange(offset..<(offset + count), with: part)
      node.writes.append((offset, part))
    }
    return count
  }

  func flush(_ descriptor: Int32) throws(SystemFailure) {
    try system.flush(descriptor)
    record { state in
      guard let node = state.open[descriptor] else { return }
      node.flushedBytes = node.bytes
      node.writes = []
    }
  }

  func close(_ descriptor: Int32) throws(SystemFailure) {
    try system.close(descriptor)
    record { $0.open[descriptor] = nil }
  }

  func flushFolder(_ path: String) throws(SystemFailure) {
    try system.flushFolder(path)
    record { state in
      guard let node = state.model.node(path) else { return }
      node.flushedEntries = node.entries
      node.changes = []
    }
  }

  func rename(_ path: String, to newPath: String) throws(SystemFailure) {
    try system.rename(path, to: newPath)
    recordRename(path, newPath)
  }

  func renameNew(_ path: String, to newPath: String) throws(SystemFailure) {
    try system.renameNew(path, to: newPath)
    recordRename(path, newPath)
  }

  private func recordRename(_ path: String, _ newPath: String) {
    let newName = String(newPath.split(separator: "/").last ?? "")
    record { $0.model.change(path) { $0[newName] = $0.removeValue(forKey: $1) } }
  }

  func exchange(_ path: String, _ otherPath: String) throws(SystemFailure) {
    try system.exchange(path, otherPath)
    let other = String(otherPath.split(separator: "/").last ?? "")
    record { state in
      state.model.change(path) { entries, name in
        (entries[name], entries[other]) = (entries[other], entries[name])
      }
    }
  }

  func removeFile(_ path: String) throws(SystemFailure) {
    try system.removeFile(path)
    record { $0.model.change(path) { $0[$1] = nil } }
  }

  func removeFolder(_ path: String) throws(SystemFailure) {
    try system.removeFolder(path)
    record { $0.model.change(path) { $0[$1] = nil } }
  }

  func freeBytes(_ path: String) throws(SystemFailure) -> Int { try system.freeBytes(path) }
}
