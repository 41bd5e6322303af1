extension ModelHub {
  /// Downloads the weights of a model, unless they are on this machine.
  ///
  /// An interrupted download goes on where it stopped. Two processes that pull the same file download
  /// it once.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - source: The host.
  ///   - refresh: Whether to ask Hugging Face for a newer commit although the model is here; Meta's
  ///     files never change.
  ///   - onEvent: Called for each event, on any thread and one after another.
  /// - Returns: The weights on this machine.
  /// - Throws: ``HubError`` if the server, the network, the disk or the contents are not right, and
  ///   ``HubError/stopped(what:)`` if the task is cancelled.
  public func pull(
    _ model: ReleasedModel, from source: WeightSource, refresh: Bool = false,
    onEvent: @escaping @Sendable (PullEvent) -> Void = { _ in }
  ) async throws(HubError) -> LocalModel {
    let local = locate(model, from: [source])
    if let local, !refresh || settings.isOffline || source == .meta { return local }
    guard let id = model.repositoryID(at: source) else {
      let path = try await pull(model.backbone, as: model.name, onEvent: onEvent)
      return LocalModel(model: model, source: source, path: path, weightsPath: path, commit: nil)
    }
    let url = settings.url(
      ofFile: "model.safetensors", in: id, revision: settings.huggingFaceRevision)
    if settings.isOffline {
      throw .offline(what: id, folder: settings.huggingFaceFolder, url: url)
    }
    #if Hub
    let commit = try await download(repository(id), for: source, onEvent: onEvent)
    let folder = repository(id).snapshot(commit)
    return LocalModel(
      model: model, source: source, path: folder, weightsPath: folder + "/model.safetensors",
      commit: commit)
    #else
    throw .builtWithoutDownloads(what: id, url: url)
    #endif
  }

  /// Downloads one of Meta's files, unless it is on this machine.
  ///
  /// - Parameters:
  ///   - file: The file, such as a head.
  ///   - onEvent: Called for each event, on any thread and one after another.
  /// - Returns: The path of the file.
  /// - Throws: ``HubError`` if the server, the network, the disk or the contents are not right, and
  ///   ``HubError/stopped(what:)`` if the task is cancelled.
  public func pull(
    _ file: ReleasedFile, onEvent: @escaping @Sendable (PullEvent) -> Void = { _ in }
  ) async throws(HubError) -> String {
    try await pull(file, as: file.name, onEvent: onEvent)
  }

  private func pull(
    _ file: ReleasedFile, as what: String, onEvent: @escaping @Sendable (PullEvent) -> Void
  ) async throws(HubError) -> String {
    if let path = locate(file) { return path }
    let url = settings.url(of: file)
    if settings.isOffline { throw .offline(what: what, folder: settings.torchFolder, url: url) }
    #if Hub
    try await download(file, onEvent: onEvent)
    return path(of: file)
    #else
    throw .builtWithoutDownloads(what: what, url: url)
    #endif
  }
}
