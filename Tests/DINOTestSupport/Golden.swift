public import CheckpointFormats
internal import Foundation
internal import Synchronization
public import Testing

/// One case of the golden fixtures: numbers that the original implementation computed.
///
/// The cases lie in the folder that the environment variable `GOLDEN_DIR` names, otherwise in
/// `Tests/Fixtures/golden` of this package. A case that is missing does not make a test pass or vanish:
/// every access throws ``GoldenError``.
///
///     @Test("agrees with the original", arguments: Golden.cases(inGroup: "vit"))
///     func agrees(golden: Golden) throws {
///       let image = try golden["input.56x56.image"].floats()
///     }
public struct Golden: Sendable {
  /// The name of the case, for example `vit/mlp_offset`.
  public let name: String
  private let folder: String
  private let entry: Result<GoldenIndex.Case, GoldenError>
  private let cache = Cache()

  private final class Cache: Sendable {
    let checkpoint = Mutex<Checkpoint?>(nil)
  }

  private init(name: String, folder: String, entry: Result<GoldenIndex.Case, GoldenError>) {
    self.name = name
    self.folder = folder
    self.entry = entry
  }

  /// The case with a name.
  ///
  /// - Parameter name: The name, for example `vit/mlp_offset`.
  /// - Returns: The case; if there is none, one whose every access throws.
  public static func named(_ name: String) -> Golden {
    let entry = GoldenIndex.shared.flatMap { index -> Result<GoldenIndex.Case, GoldenError> in
      guard let found = index.cases.first(where: { $0.name == name }) else {
        return .failure(
          GoldenError("golden case \"\(name)\" is not in \(GoldenIndex.folder)/index.json"))
      }
      return .success(found)
    }
    return Golden(name: name, folder: GoldenIndex.folder, entry: entry)
  }

  /// Several cases by name, as arguments of a parameterised test.
  ///
  /// - Parameter names: The names.
  /// - Returns: One case per name.
  public static func named(_ names: String...) -> [Golden] { names.map { named($0) } }

  /// All cases of a group, as arguments of a parameterised test.
  ///
  /// - Parameters:
  ///   - group: The part of the names before the slash, for example `vit`.
  ///   - isIncluded: Which cases to take, by full name.
  /// - Returns: The cases in the order of the index; if there are none, one whose every access throws,
  ///   so that the test fails instead of being skipped.
  public static func cases(
    inGroup group: String, where isIncluded: (String) -> Bool = { _ in true }
  ) -> [Golden] {
    let names =
      (try? GoldenIndex.shared.get())?.cases.map(\.name)
      .filter { $0.hasPrefix(group + "/") && isIncluded($0) } ?? []
    return names.isEmpty ? [named(group + "/(no such case)")] : names.map { named($0) }
  }

  /// The hyper-parameters with which the case was computed.
  public var config: JSONValue {
    get throws { try entry.get().config }
  }

  /// Decodes hyper-parameters, keys as they are in the index.
  ///
  /// - Parameters:
  ///   - type: A decodable type.
  ///   - key: A key of the configuration, or nil for all of it.
  /// - Returns: The decoded value.
  /// - Throws: ``GoldenError`` if the case or key is missing, or the decoder's error.
  public func decodeConfig<Value: Decodable>(_ type: Value.Type, at key: String? = nil) throws
    -> Value
  {
    var value = try config
    if let key { value = try value.member(key) }
    return try JSONDecoder().decode(type, from: JSONEncoder().encode(value))
  }

  /// The names of the tensors that begin with a prefix, in the order of the file.
  ///
  /// - Parameter prefix: The beginning, for example `expected.`.
  /// - Returns: Full names.
  /// - Throws: ``GoldenError`` if the case is missing or no name has the prefix.
  public func names(prefix: String) throws -> [String] {
    let names = try tensors().names.filter { $0.hasPrefix(prefix) }
    guard !names.isEmpty else {
      throw GoldenError("golden case \(name) has no tensor whose name begins with \"\(prefix)\"")
    }
    return names
  }

  /// All tensors of the case.
  ///
  /// - Returns: Tensors by full name.
  /// - Throws: ``GoldenError`` if the case is missing, `CheckpointError` if its file is damaged.
  public func tensors() throws -> NamedTensors { try checkpoint().tensors }

  /// The tensor with a name.
  ///
  /// - Parameter name: The full name, for example `expected.loss`.
  public subscript(name: String) -> StoredTensor {
    get throws {
      guard let tensor = try tensors()[name] else {
        throw GoldenError("golden case \(self.name) has no tensor \"\(name)\"")
      }
      return tensor
    }
  }

  /// The largest allowed deviation of a tensor, relative to the largest expected magnitude.
  ///
  /// - Parameter name: The full name of the expected tensor.
  /// - Returns: The tolerance; 0 stands for equality.
  /// - Throws: ``GoldenError`` if the case is missing.
  public func tolerance(for name: String) throws -> Double {
    let tolerance = try entry.get().tolerance
    for rule in tolerance.overrides where matches(name, glob: rule.glob) { return rule.value }
    return tolerance.standard
  }

  /// The path of a file that belongs to the case.
  ///
  /// - Parameter file: The name relative to the group's folder, or the last part of it.
  /// - Returns: The full path.
  /// - Throws: ``GoldenError`` if the index does not list the file or it is not there.
  public func sideFile(_ file: String) throws -> String {
    let paths = try sideFiles()
    let group = name.prefix { $0 != "/" }
    let match =
      paths.first { $0 == "\(folder)/\(group)/\(file)" }
      ?? paths.first { $0.hasSuffix("/" + file) }
    guard let match else {
      throw GoldenError("golden case \(name) lists no file \"\(file)\"")
    }
    guard FileManager.default.fileExists(atPath: match) else {
      throw GoldenError("golden case \(name): \(match) is missing; copy the fixtures again")
    }
    return match
  }

  /// The paths of all files of the case, the safetensors file first where there is one.
  ///
  /// - Returns: Full paths.
  /// - Throws: ``GoldenError`` if the case is missing.
  public func sideFiles() throws -> [String] {
    try entry.get().files.map { folder + "/" + $0.path }
  }

  private func checkpoint() throws -> Checkpoint {
    try cache.checkpoint.withLock { cached in
      if let cached { return cached }
      let read = try Checkpoint.read(
        sideFile(
          name.split(separator: "/").last.map {
            "\($0).safetensors"
          } ?? name))
      cached = read
      return read
    }
  }
}

extension Golden: CustomTestStringConvertible {
  /// The name of the case.
  public var testDescription: String { name }
}

/// A golden case, or something in it, is not there.
public struct GoldenError: Error, CustomStringConvertible {
  /// The message.
  public let description: String

  /// Creates an error.
  ///
  /// - Parameter description: The message, one line.
  public init(_ description: String) { self.description = description }
}

/// Matches a name against a pattern in which `*` stands for any text and `?` for one character.
private func matches(_ name: String, glob: String) -> Bool {
  let text = Array(name.unicodeScalars)
  let pattern = Array(glob.unicodeScalars)
  var (t, p) = (0, 0)
  var (star, mark) = (-1, 0)
  while t < text.count {
    if p < pattern.count, pattern[p] == "*" {
      (star, mark) = (p, t)
      p += 1
    } else if p < pattern.count, pattern[p] == "?" || pattern[p] == text[t] {
      p += 1
      t += 1
    } else if star >= 0 {
      p = star + 1
      mark += 1
      t = mark
    } else {
      return false
    }
  }
  return pattern[p...].allSatisfy { $0 == "*" }
}
