internal import CheckpointFormats
internal import FoundationEssentials
internal import Glibc

/// The stages of curation after embedding.
public enum StageName: String, CaseIterable, Sendable, Codable {
  /// Which images are copies of others or of references.
  case dedup
  /// Clusters of the images.
  case cluster
  /// Images that look like seeds.
  case retrieve
  /// A balanced sample.
  case sample
}

/// What a stage did: with which options, from which inputs, with which result.
struct StageManifest: Sendable, Equatable, Codable {
  /// The version of the layout.
  var version = 1
  /// The stage.
  let stage: StageName
  /// The options, as texts.
  let options: [String: String]
  /// The digests of what the stage started from.
  let inputs: [String: String]
  /// How many images met which fate.
  var counts: [String: Int] = [:]
  /// Distributions of similarities, in equal parts of [-1, 1].
  var histograms: [String: [Int]] = [:]
  /// The hash of each table.
  var tables: [String: String] = [:]
  /// The hash of each `.npy` file.
  var arrays: [String: String] = [:]

  /// A stage that has not decided anything yet.
  init(_ stage: StageName, options: [String: String], inputs: [String: String]) {
    self.stage = stage
    self.options = options
    self.inputs = inputs
  }

  /// Tells this result from any other.
  var digest: String {
    var hash = ContentHash()
    hash.add(text)
    return hash.text
  }

  /// The manifest as JSON.
  var text: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    // Texts and whole numbers always encode.
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  /// Some of the values as JSON on one line.
  func json(_ values: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(values)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}

/// The files of a stage of a store: `stages/<stage>/manifest.json` and its tables.
///
/// The manifest is written last and removed first: a stage is there with all its files or not at all.
struct StageFolder: Sendable {
  let store: String
  let name: StageName

  var folder: String { "\(store)/stages/\(name.rawValue)" }
  private var manifestPath: String { folder + "/manifest.json" }

  /// The folder of a stage.
  init(_ store: String, _ name: StageName) { (self.store, self.name) = (store, name) }

  /// What the stage did; nil if it has not been run.
  ///
  /// - Throws: ``StoreError/damaged(path:problem:)`` if the file is no manifest.
  func manifest() throws(StoreError) -> StageManifest? {
    guard FileManager.default.fileExists(atPath: manifestPath) else { return nil }
    guard let data = FileManager.default.contents(atPath: manifestPath) else {
      throw .system(path: manifestPath, problem: "cannot be read")
    }
    guard data.count < 64 << 20,
      let found = try? JSONDecoder().decode(StageManifest.self, from: data),
      found.version == 1, found.stage == name, found.tables.keys.allSatisfy(\.isWord),
      found.arrays.keys.allSatisfy(\.isWord)
    else {
      throw .damaged(
        path: manifestPath,
        problem: "is no manifest of this stage; run 'dinov2 curate \(name)' again")
    }
    return found
  }

  /// What the stage did.
  ///
  /// - Throws: ``StoreError/missing(path:problem:)`` if it has not been run.
  func needed() throws(StoreError) -> StageManifest {
    guard let manifest = try manifest() else {
      throw .missing(
        path: store,
        problem: "has no stage '\(name.rawValue)'; run 'dinov2 curate \(name.rawValue) --store "
          + "\(store.escapedForMessage)' first")
    }
    return manifest
  }

  /// Whether the stage was run with these options on these inputs and its files are whole.
  func isCurrent(_ wanted: StageManifest) -> Bool {
    guard let found = try? manifest(), found.options == wanted.options,
      found.inputs == wanted.inputs
    else { return false }
    return found.tables.keys.allSatisfy { (try? table($0, found)) != nil }
      && found.arrays.allSatisfy { (try? StoreShard.hash(ofFile: arrayPath($0.key))) == $0.value }
  }

  /// A table of the stage.
  func table(_ table: String, _ manifest: StageManifest) throws(StoreError) -> StageTable {
    guard let checksum = manifest.tables[table] else {
      throw .damaged(path: manifestPath, problem: "names no table '\(table)'")
    }
    do throws(StoreError) { return try StageTable(tablePath(table), checksum: checksum) } catch {
      throw .damaged(
        path: tablePath(table),
        problem: "is missing or not as it was written; run 'dinov2 curate \(name.rawValue)' again")
    }
  }

  /// A matrix of the stage.
  func array(_ array: String, _ manifest: StageManifest) throws(StoreError) -> StoredTensor {
    let path = arrayPath(array)
    guard let checksum = manifest.arrays[array], try StoreShard.hash(ofFile: path) == checksum
    else {
      throw .damaged(
        path: path, problem: "is not as it was written; run 'dinov2 curate \(name.rawValue)' again")
    }
    return try StoreError.files { () throws(CheckpointError) in try NpyArray.read(path).tensor() }
  }

  /// Writes the result of the stage in place of an earlier one.
  ///
  /// - Returns: The manifest with the hashes of the files.
  func write(
    _ manifest: StageManifest, tables: [String: StageTable], arrays: [String: StoredTensor] = [:]
  ) throws(StoreError) -> StageManifest {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw .system(path: folder, problem: "cannot be made: check the path and its rights")
    }
    unsafe unlink(manifestPath)
    removeLeftovers(except: Set(tables.keys), Set(arrays.keys))
    var result = manifest
    for (table, contents) in tables {
      result.tables[table] = try contents.write(to: tablePath(table))
    }
    for (array, contents) in arrays {
      let path = arrayPath(array)
      try StoreError.files { () throws(CheckpointError) in try Npy.write(contents, to: path) }
      result.arrays[array] = try StoreShard.hash(ofFile: path)
    }
    let (path, bytes) = (manifestPath, Array(result.text.utf8))
    try StoreError.files { () throws(CheckpointError) in
      try AtomicFile.write(bytes, to: path)
    }
    return result
  }

  /// Takes the result out.
  func remove() throws(StoreError) {
    guard unsafe access(manifestPath, F_OK) == 0 else { return }
    guard unsafe unlink(manifestPath) == 0 else { throw .errno(manifestPath, "cannot be removed") }
  }

  private func tablePath(_ table: String) -> String { "\(folder)/\(table).tsv" }
  private func arrayPath(_ array: String) -> String { "\(folder)/\(array).npy" }

  /// Removes files of earlier runs and of runs that were stopped.
  private func removeLeftovers(except tables: Set<String>, _ arrays: Set<String>) {
    let kept = Set(tables.map { $0 + ".tsv" } + arrays.map { $0 + ".npy" })
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where !kept.contains(name) {
      unsafe unlink(folder + "/" + name)
    }
  }
}

extension String {
  /// Whether the text is a plain name of letters, digits and hyphens.
  fileprivate var isWord: Bool {
    !isEmpty && utf8.count <= 64
      && utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
      }
  }
}
