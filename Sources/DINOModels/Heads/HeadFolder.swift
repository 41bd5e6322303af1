public import CheckpointFormats
internal import FoundationEssentials
public import Torch

/// A task head and everything that is needed to use it: `config.json`, `model.safetensors` and a model
/// card, `README.md`.
///
///     let folder = try HeadFolder(path: "heads/facades")
///     try folder.check(.segmentation, for: backbone)  // refuses another backbone
///     let head = try folder.segmentationHead()
///
/// The folder is read strictly: unknown members, sizes that contradict each other and weights that are
/// not those that the configuration was written with are refused.
public struct HeadFolder: Sendable {
  /// The name of the configuration.
  public static let configName = "config.json"
  /// The name of the weights.
  public static let weightsName = "model.safetensors"
  /// The name of the model card.
  public static let cardName = "README.md"
  /// The name of the model folder in it, if the head has a backbone of its own.
  public static let backboneName = "backbone"

  /// The path.
  public let path: String
  /// What the head is.
  public let config: HeadConfig
  /// The head's tensors by name.
  public let tensors: [String: StoredTensor]

  /// Whether a path is a head folder, as far as its `config.json` says.
  ///
  /// - Parameter path: Any path.
  /// - Returns: False for model folders and everything else.
  public static func exists(at path: String) -> Bool {
    guard let tree = try? tree(of: "\(path)/\(configName)"), case .object(let members) = tree else {
      return false
    }
    return members["format"] == .string(HeadConfig.currentFormat)
  }

  /// Reads a head folder.
  ///
  /// - Parameter path: The folder.
  /// - Throws: ``ModelError`` if a file is missing or refused, or the files contradict each other.
  public init(path: String) throws(ModelError) {
    self.path = path
    config = try Self.config(of: path)
    let file = "\(path)/\(Self.weightsName)"
    let checkpoint: Checkpoint
    do { checkpoint = try Checkpoint.read(file) } catch { throw .checkpoint(error) }
    var tensors: [String: StoredTensor] = [:]
    for (name, tensor) in checkpoint.tensors { tensors[name] = tensor }
    guard Self.fingerprint(of: tensors) == config.weights else {
      throw .configuration(
        path: file,
        problem: "holds other weights than those that \(Self.configName) was written with; "
          + "train the head again or copy the whole folder")
    }
    self.tensors = tensors
  }

  /// Reads what a head folder says about itself, without the weights.
  ///
  /// - Parameter path: The folder.
  /// - Returns: What the head is.
  /// - Throws: ``ModelError`` if the file is missing, refused or contradicts itself.
  public static func config(of path: String) throws(ModelError) -> HeadConfig {
    let file = "\(path)/\(configName)"
    let config: HeadConfig
    do {
      config = try tree(of: file).decode(HeadConfig.self)
    } catch let error as ModelError {
      throw error
    } catch {
      throw .configuration(path: file, problem: complaint(about: error))
    }
    let problems = config.problems()
    guard problems.isEmpty else {
      throw .configuration(path: file, problem: problems.joined(separator: "; "))
    }
    return config
  }

  /// Refuses a head for another task or another backbone.
  ///
  /// - Parameters:
  ///   - task: What the head is wanted for.
  ///   - model: The model at hand, with any blocks.
  /// - Throws: ``ModelError/configuration(path:problem:)`` that says what would fit.
  public func check(_ task: HeadTask, for model: HeadBackbone) throws(ModelError) {
    guard config.task == task else {
      throw .configuration(
        path: path, problem: "is a head for \(config.task.rawValue), not for \(task.rawValue)")
    }
    try config.backbone.check(model, path: path)
  }

  /// Loads the tensors into a head's parameters; nothing may be missing or left over.
  ///
  /// - Parameters:
  ///   - store: The head's parameters.
  ///   - name: How messages call the head.
  /// - Throws: ``ModelError`` that lists every missing, unexpected and mis-shaped key.
  public func load(into store: ParameterStore, as name: String) throws(ModelError) {
    try store.load(stored: tensors, path: "\(path)/\(Self.weightsName)", as: name)
  }

  /// The head folders in a folder, in byte order of their names; the folder itself if it is one.
  ///
  /// - Parameter folder: The folder.
  /// - Returns: Paths; none if the folder cannot be listed.
  public static func list(in folder: String) -> [String] {
    if exists(at: folder) { return [folder] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { !$0.hasPrefix(".") }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      .map { "\(folder)/\($0)" }.filter(exists)
  }
}

extension HeadFolder {
  /// Writes a head folder, whose files appear together; in a folder that exists they are replaced.
  ///
  /// - Parameters:
  ///   - config: What the head is.
  ///   - parameters: The head's tensors by name.
  ///   - card: The model card, Markdown.
  ///   - form: The type of the numbers in the file.
  ///   - path: The folder.
  /// - Throws: ``ModelError`` if the configuration contradicts itself, a number is too large for the
  ///   form, or a file cannot be written.
  public static func write(
    _ config: HeadConfig, parameters: [(name: String, tensor: Tensor)], card: String,
    form: WeightForm.ElementType = .float32, to path: String
  ) throws(ModelError) {
    var config = config
    do {
      var tensors: [(name: String, tensor: StoredTensor)] = []
      for (name, tensor) in parameters {
        tensors.append((name, try stored(tensor, named: name, as: form)))
      }
      config.weights = fingerprint(
        of: Dictionary(tensors.map { ($0.name, $0.tensor) }) { first, _ in first })
      let problems = config.problems()
      guard problems.isEmpty else {
        throw ModelError.configuration(path: path, problem: problems.joined(separator: "; "))
      }
      let files = try AtomicFolder(path: path)
      try Safetensors.write(tensors, to: files.file(weightsName))
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      try files.write(configName, [UInt8](encoder.encode(config)) + [0x0A])
      try files.write(cardName, Array(card.utf8))
      try files.commit()
    } catch {
      throw ModelError(error, path: path)
    }
  }

  /// A tensor as it is written.
  private static func stored(
    _ tensor: Tensor, named name: String, as form: WeightForm.ElementType
  ) throws -> StoredTensor {
    guard tensor.dtype?.isFloatingPoint == true else { return try StoredTensor(sharing: tensor) }
    let exact = try StoredTensor(sharing: tensor)
    let written = try StoredTensor(sharing: tensor.detached().to(dtype: form.dtype))
    guard written.nonFiniteCount() == exact.nonFiniteCount() else {
      throw ModelError.unsupported(
        format: form.rawValue, problem: "\(name) holds numbers too large for it; choose float32")
    }
    return written
  }

  /// The largest configuration that is read, bytes.
  private static let largestConfig = 16 << 20

  private static func tree(of file: String) throws(ModelError) -> JSONTree {
    let bytes: FileBytes
    do { bytes = try FileBytes(path: file) } catch { throw .checkpoint(error) }
    guard bytes.count <= largestConfig else {
      throw .configuration(
        path: file, problem: "has \(bytes.count) bytes; a head's configuration is smaller")
    }
    do {
      let data = unsafe bytes.withUnsafeBytes { unsafe Data($0) }
      return try JSONDecoder().decode(JSONTree.self, from: data)
    } catch {
      throw .configuration(path: file, problem: "is no JSON; expected the config.json of a head")
    }
  }

  /// Names, types, shapes and bytes of tensors.
  private static func fingerprint(of tensors: [String: StoredTensor]) -> String {
    var hash = ContentHash()
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      hash.add(name)
      hash.add("\(tensor.scalarType) \(tensor.shape)")
      unsafe tensor.withContiguousBytes { unsafe hash.add($0) }
    }
    return hash.text
  }

  /// What is wrong with a configuration, in the words of the file.
  static func complaint(about error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
      path.map(\.stringValue).joined(separator: ".").escapedForMessage
    }
    switch error {
    case let error as JSONTree.UnknownMembers:
      return "unknown \(error.names.map(\.quoted).joined(separator: ", ")); remove it, or read the "
        + "folder with the version that wrote it"
    case DecodingError.keyNotFound(let key, let context):
      return "\(place(context.codingPath + [key])) is missing; expected the config.json of a head"
    case DecodingError.typeMismatch(let type, let context),
      DecodingError.valueNotFound(let type, let context):
      return "\(place(context.codingPath)) is not of type \(type)"
    case DecodingError.dataCorrupted(let context):
      return "\(place(context.codingPath)) has a value that is not known here"
    default:
      return "cannot be read: \("\(error)".escapedForMessage)"
    }
  }
}
