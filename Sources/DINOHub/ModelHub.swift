/// Finds the weights of released models on this machine, and downloads those that are missing.
///
///     let hub = ModelHub(settings: .fromProcess())
///     let model = try ModelRegistry.find("dinov2_vits14")
///     let local = try await hub.pull(model, from: .meta) { print($0) }
///
/// Files lie where `torch.hub` and `huggingface_hub` keep theirs, so that each finds what the other
/// has downloaded.
public struct ModelHub: Sendable {
  /// Where to look and how to download.
  public let settings: HubSettings

  /// Creates a hub.
  ///
  /// - Parameter settings: Where to look and how to download.
  public init(settings: HubSettings) { self.settings = settings }

  /// Finds weights that are on this machine, without the network.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - sources: The layouts to look for, the preferred one first.
  /// - Returns: The first that is here completely; `nil` if there is none.
  public func locate(
    _ model: ReleasedModel, from sources: [WeightSource] = WeightSource.allCases
  ) -> LocalModel? {
    for source in sources {
      if let local = locate(model, from: source) { return local }
    }
    return nil
  }

  /// Finds one of Meta's files on this machine, without the network.
  ///
  /// - Parameter file: The file, such as a head.
  /// - Returns: Its path; `nil` if it is not here.
  public func locate(_ file: ReleasedFile) -> String? {
    let path = path(of: file)
    return FileSystem.size(path) ?? 0 > 0 ? path : nil
  }

  /// Compares the weights of a model with the hash that is known of them; reads the whole file.
  ///
  /// - Parameter local: Weights on this machine.
  /// - Returns: Whether they were compared; `false` if no hash is known.
  /// - Throws: ``HubError/damaged(path:problem:)`` if the hash differs, and ``HubError`` if the file
  ///   cannot be read or the task is cancelled.
  public func verify(_ local: LocalModel) throws(HubError) -> Bool {
    guard let expected = local.expectedSHA256 else { return false }
    let found = try FileHash.sha256(local.weightsPath)
    guard found.hasPrefix(expected) else {
      throw .damaged(
        path: local.weightsPath,
        problem:
          "the SHA-256 is \(found.prefix(16))…, expected \(expected.prefix(16))…; remove the "
          + "file and pull the model again")
    }
    return true
  }

  func path(of file: ReleasedFile) -> String { settings.torchFolder + "/" + file.name }

  func repository(_ id: String) -> HuggingFaceRepository {
    HuggingFaceRepository(id: id, cache: settings.huggingFaceFolder)
  }

  private func locate(_ model: ReleasedModel, from source: WeightSource) -> LocalModel? {
    guard let id = model.repositoryID(at: source) else {
      return locate(model.backbone).map { path in
        LocalModel(model: model, source: source, path: path, weightsPath: path, commit: nil)
      }
    }
    let repository = repository(id)
    guard let commit = repository.commit(of: settings.huggingFaceRevision),
      repository.cachedFile("config.json", commit: commit) != nil
    else { return nil }
    // Older versions of `transformers` downloaded the second name.
    for name in ["model.safetensors", "pytorch_model.bin"] {
      guard let weights = repository.cachedFile(name, commit: commit) else { continue }
      return LocalModel(
        model: model, source: source, path: repository.snapshot(commit), weightsPath: weights,
        commit: commit)
    }
    return nil
  }
}
